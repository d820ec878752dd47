/**
 * `benchmarks`: see `--help`.
 */
import { writeFile } from "node:fs/promises"
import { Unavailable } from "@cache-locking/test-servers"
import { Answered, type Arguments, parse } from "./Arguments.ts"
import { against } from "./against/Against.ts"
import { run } from "./Rig.ts"
import * as Archive from "./report/Archive.ts"
import { commit, machine, versionOf } from "./report/Machine.ts"
import { report } from "./report/Report.ts"
import { type Result, resultOf } from "./report/Result.ts"
import { plain, tableOf } from "./report/Table.ts"
import { Servers } from "./Servers.ts"
import { suites } from "./Suites.ts"

const docs = new URL("../../../docs/", import.meta.url)

const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

const benchmark = async ({ quick, rounds, suites: names, write }: Arguments): Promise<number> => {
  const chosen = suites.filter(({ name }) => names.includes(name))
  await using servers = new Servers()
  const results: Array<Result> = []
  for (const suite of chosen) {
    const redis = suite.redis ? await servers.redis() : undefined
    if (redis instanceof Unavailable) {
      console.log(`\n${suite.title}: not run, there is no Redis. ${redis.reason}`)
      continue
    }
    const { backends, notRun, suite: outfitted } = await servers.outfit(suite)
    const outcome = await run(outfitted, { setting: { quick, redis, backends }, rounds, onProgress: progress })
    progress("")
    const result = resultOf(outfitted, outcome, commit(), notRun)
    results.push(result)
    tell(plain(tableOf(suite, result)), suite.title, result)
  }
  if (write) {
    const file = new URL("benchmarks.json", docs)
    const newer = { machine: machine(), servers: servers.titles(), versions: versions(), results }
    const archive = Archive.merge(await Archive.read(file), newer)
    await Archive.write(file, archive)
    await writeFile(new URL("benchmarks.md", docs), report(suites, archive))
  }
  return results.some(({ failures }) => failures.length > 0) ? 1 : 0
}

const tell = (table: string, title: string, { failures, notRun = [], targets }: Result): void => {
  console.log(`\n${title}\n${table}`)
  for (const { met, text } of targets) console.log(`${met ? "met:" : "MISSED:"} ${text}`)
  for (const { name, reason } of notRun) console.log(`NOT RUN: ${name}: ${reason}`)
  for (const { error, name } of failures) console.log(`NOT MEASURED: ${name}: ${error}`)
}

const versions = (): Record<string, string> => {
  const ours = "@cache-locking/"
  const names = new Set(suites.flatMap(({ contenders }) => contenders.flatMap(({ packages }) => packages)))
  return Object.fromEntries([...names].filter((name) => !name.startsWith(ours)).map((name) => [name, versionOf(name)]))
}

const main = (args: Arguments): Promise<number> =>
  args.against === undefined ? benchmark(args) : against(args.against, args, progress)

const answered = (error: unknown): number => {
  if (!(error instanceof Answered)) throw error
  ;(error.exitCode === 0 ? process.stdout : process.stderr).write(`${error.message}\n`)
  return error.exitCode
}

try {
  process.exitCode = await main(parse(process.argv.slice(2)))
} catch (error) {
  process.exitCode = answered(error)
}
// A contender that failed may have left a connection that tries again for ever.
process.exit()

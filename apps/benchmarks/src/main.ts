import { Redis } from "@cache-locking/test-servers"
import { suites } from "./Suites.ts"
import { run } from "./Rig.ts"
import { resultOf } from "./Result.ts"
import { plain, tableOf } from "./Table.ts"

const names = process.argv.slice(2).filter((a) => !a.startsWith("-"))
const quick = process.argv.includes("--quick")
await using redis = await Redis.start()
for (const suite of suites) {
  if (names.length > 0 && !names.includes(suite.name)) continue
  const outcome = await run(suite, { setting: { quick, redis: { host: redis.host, port: redis.port } }, onProgress: (t) => process.stderr.write(`\r\x1b[K${t}`) })
  const result = resultOf(suite, outcome, "")
  console.log(`\n${suite.title}\n${plain(tableOf(suite, result))}`)
  for (const t of result.targets) console.log(t.met ? "met   " : "MISSED", t.text)
  for (const f of outcome.failures) console.log("FAILED", f.name, f.error.slice(0, 600))
}

/**
 * Judges every adapter by the conformance kit, on real servers, and writes what came of it.
 *
 *   node src/main.ts [setup ...]   judges these, or all; writes capabilities.json and the README's table
 *   node src/main.ts --check       only tells whether the two are current
 *   node src/main.ts --list        the setups that there are
 */
import { parseArgs } from "node:util"
import { check, Report } from "@cache-locking/conformance-kit"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { AdapterSetup } from "./AdapterSetup.ts"
import * as Capabilities from "./Capabilities.ts"
import * as Setups from "./Setups.ts"
import { staleness } from "./Staleness.ts"
import * as Table from "./Table.ts"

/** Most cases wait more than they work, and keys of one do not touch another's. */
const concurrency = 4

/** Judges one setup, or tells why not. */
const judge = Effect.fnUntraced(function* (setup: AdapterSetup) {
  const opened = yield* Effect.result(setup.open)
  if (Result.isFailure(opened)) {
    const { reason } = opened.failure
    console.log(`${setup.title}: NOT RUN: ${reason}`)
    return Capabilities.notRun(setup, reason)
  }
  const { server, setup: given } = opened.success
  const report = yield* check(given, { concurrency })
  const on = server === undefined ? "" : ` on ${server.name} ${server.version} (${server.how})`
  console.log(`${Report.format(report)}${on && `\n  judged${on}`}`)
  return Capabilities.run(setup, server, report)
})

const usage = (text: string): number => {
  console.error(text)
  return 2
}

const tell = (lines: ReadonlyArray<string>): number => {
  for (const line of lines) console.error(line)
  return lines.length === 0 ? 0 : 1
}

const main = async (args: ReadonlyArray<string>): Promise<number> => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { check: { type: "boolean" }, list: { type: "boolean" } }
  })
  const all = Setups.names()
  if (values.list) {
    console.log(all.join("\n"))
    return 0
  }
  if (values.check) return tell(staleness(Capabilities.read(), all))
  const unknown = positionals.filter((name) => !all.includes(name))
  if (unknown.length > 0) return usage(`there is no setup ${unknown.join(", ")}; there are ${all.join(", ")}`)

  const known = Object.entries(Capabilities.read()).filter(([name]) => all.includes(name))
  const capabilities: Record<string, Capabilities.Entry> = Object.fromEntries(known)
  for (const name of positionals.length > 0 ? positionals : all) {
    capabilities[name] = await Effect.runPromise(Effect.scoped(judge(await Setups.load(name))))
  }
  Capabilities.write(capabilities)
  Table.update(Capabilities.read())
  const judged = Object.values(capabilities)
  const missed = judged.filter(({ status }) => status === "not run").length
  if (missed > 0) console.log(`${missed} of ${judged.length} setups were not run`)
  return judged.some((entry) => entry.status === "run" && entry.total.failed > 0) ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  usage(error instanceof Error ? error.message : String(error))
)

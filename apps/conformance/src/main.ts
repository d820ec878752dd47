/**
 * Tests every adapter with the conformance kit, on real servers, and records the results.
 *
 *   node src/main.ts [setup ...] tests these setups, or all; writes capabilities.json and the README's table
 *   node src/main.ts --check only checks that the two are up to date node src/main.ts --list prints the names
 *   of the setups
 */
import { parseArgs } from "node:util"
import { check, Report } from "@cache-locking/conformance-kit"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Capabilities from "./Capabilities.ts"
import type { AdapterSetup } from "./setups/AdapterSetup.ts"
import { names, setups } from "./setups/Setups.ts"
import * as Table from "./Table.ts"

/** Most cases wait more than they work, and no case touches the keys of another. */
const concurrency = 4

const test = Effect.fnUntraced(function* (setup: AdapterSetup) {
  const opened = yield* Effect.result(setup.open)
  if (Result.isFailure(opened)) {
    const { reason } = opened.failure
    console.log(`${setup.title}: NOT RUN: ${reason}`)
    return Capabilities.notRun(setup, reason)
  }
  const { server, setup: given } = opened.success
  const report = yield* check(given, { concurrency })
  console.log(Report.format(report))
  if (server !== undefined) console.log(`  tested on ${server.name} ${server.version} (${server.how})`)
  return Capabilities.run(setup, server, report)
})

const fail = (exitCode: number, ...lines: ReadonlyArray<string>): number => {
  for (const line of lines) console.error(line)
  return exitCode
}

const main = async (args: ReadonlyArray<string>): Promise<number> => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { check: { type: "boolean" }, list: { type: "boolean" } }
  })
  if (values.list) {
    console.log(names.join("\n"))
    return 0
  }
  if (values.check) {
    const outdated = Table.outdated(Capabilities.read(), names)
    return fail(outdated.length === 0 ? 0 : 1, ...outdated)
  }
  const unknown = positionals.filter((name) => !names.includes(name))
  if (unknown.length > 0) return fail(2, `there is no setup ${unknown.join(", ")}; there are ${names.join(", ")}`)

  const known = Object.entries(Capabilities.read()).filter(([name]) => names.includes(name))
  const capabilities: Record<string, Capabilities.Entry> = Object.fromEntries(known)
  for (const name of positionals.length > 0 ? positionals : names) {
    capabilities[name] = await Effect.runPromise(Effect.scoped(test(setups[name]!)))
  }
  Capabilities.write(capabilities)
  Table.update(Capabilities.read())
  const all = Object.values(capabilities)
  const missed = all.filter(({ status }) => status === "not run").length
  if (missed > 0) console.log(`${missed} of ${all.length} setups were not run`)
  return all.some((entry) => entry.status === "run" && entry.total.failed > 0) ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  fail(2, error instanceof Error ? error.message : String(error))
)

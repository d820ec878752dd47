/** What in `capabilities.json` or the README is not what it would be made now, without running anything. */
import { cases } from "@cache-locking/conformance-kit"
import type { Capabilities } from "./Capabilities.ts"
import * as Table from "./Table.ts"

const again = "run `npx -y pnpm@12 conformance`"

/** One line per thing that is stale; none when all is current. */
export const staleness = (capabilities: Capabilities, setups: ReadonlyArray<string>): ReadonlyArray<string> => {
  const missing = setups.filter((name) => capabilities[name] === undefined)
  const superfluous = Object.keys(capabilities).filter((name) => !setups.includes(name))
  const outdated = Object.entries(capabilities).flatMap(([name, entry]) => {
    if (entry.status === "not run") return []
    const { failed, passed, skipped } = entry.total
    return passed + failed + skipped === cases.length ? [] : [name]
  })
  return [
    ...missing.map((name) => `capabilities.json lacks the setup ${name}: ${again}`),
    ...superfluous.map((name) => `capabilities.json has ${name}, which is no setup any more: ${again}`),
    ...outdated.map((name) => `capabilities.json has ${name} judged by another kit: ${again}`),
    ...(Table.isCurrent(capabilities) ? [] : [`the table of adapters in README.md is stale: ${again}`])
  ]
}

/**
 * The scenarios that there are. A new one is a file of its own and a line here.
 */
import type { Scenario } from "./Scenario.ts"
import { Cold } from "./scenarios/Cold.ts"
import { Delete } from "./scenarios/Delete.ts"
import { Early } from "./scenarios/Early.ts"
import { Expiry } from "./scenarios/Expiry.ts"
import { Failing } from "./scenarios/Failing.ts"
import { Tiers } from "./scenarios/Tiers.ts"

export const scenarios: ReadonlyArray<Scenario> = [Cold, Expiry, Early, Failing, Delete, Tiers]

/** The scenario of that name. */
export const scenario = (name: string): Scenario => {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`there is no scenario "${name}"`)
  return found
}

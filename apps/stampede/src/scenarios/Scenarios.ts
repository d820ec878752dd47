/**
 * All scenarios. A new one is a file of its own and a line here; the first is the default.
 */

import { Cold } from "./Cold.ts"
import { Delete } from "./Delete.ts"
import { Early } from "./Early.ts"
import { Expiry } from "./Expiry.ts"
import { Failing } from "./Failing.ts"
import type { Scenario } from "./Scenario.ts"
import { Tiers } from "./Tiers.ts"

export const scenarios: ReadonlyArray<Scenario> = [Cold, Expiry, Early, Failing, Delete, Tiers]

/** The scenario of that name. */
export const scenario = (name: string): Scenario => {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`there is no scenario "${name}"`)
  return found
}

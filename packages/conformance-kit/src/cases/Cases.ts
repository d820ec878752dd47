/** All cases, in the order in which they run and are reported. */
import type { Case } from "../world/Case.ts"
import { type LawId, laws } from "../world/Law.ts"
import { batches } from "./Batches.ts"
import { behindFaults } from "./BehindFaults.ts"
import { changing } from "./Changes.ts"
import { claiming } from "./Claiming.ts"
import { clocks } from "./Clocks.ts"
import { cooling } from "./Cooling.ts"
import { fencing } from "./Fencing.ts"
import { freshness } from "./Freshness.ts"
import { granting } from "./Granting.ts"
import { historyCases } from "./Histories.ts"
import { keys } from "./Keys.ts"
import { leases } from "./Leases.ts"
import { limits } from "./Limits.ts"
import { listing } from "./Listing.ts"
import { nearHits } from "./NearHits.ts"
import { races } from "./Races.ts"
import { reading } from "./Reading.ts"
import { records } from "./Records.ts"
import { settling } from "./Settling.ts"
import { durations } from "./Took.ts"
import { touching } from "./Touching.ts"
import { unchanged } from "./Unchanged.ts"
import { values } from "./Values.ts"
import { watchingCases } from "./Watching.ts"

const all: ReadonlyArray<Case> = [
  ...claiming,
  ...granting,
  ...leases,
  ...fencing,
  ...freshness,
  ...touching,
  ...unchanged,
  ...durations,
  ...cooling,
  ...reading,
  ...values,
  ...keys,
  ...watchingCases,
  ...changing,
  ...races,
  ...limits,
  ...batches,
  ...listing,
  ...nearHits,
  ...clocks,
  ...records,
  ...settling,
  ...behindFaults,
  ...historyCases
]

/** The cases of one law. */
export const casesOf = (law: LawId): ReadonlyArray<Case> => all.filter((one) => one.law === law)

/** Every case, law by law. */
export const cases: ReadonlyArray<Case> = laws.flatMap(({ id }) => casesOf(id))

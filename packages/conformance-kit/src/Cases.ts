/** All cases, in the order in which they run and are reported. */
import type { Case } from "./Case.ts"
import { batches } from "./cases/Batches.ts"
import { behindFaults } from "./cases/BehindFaults.ts"
import { changing } from "./cases/Changes.ts"
import { claiming } from "./cases/Claiming.ts"
import { clocks } from "./cases/Clocks.ts"
import { cooling } from "./cases/Cooling.ts"
import { fencing } from "./cases/Fencing.ts"
import { freshness } from "./cases/Freshness.ts"
import { granting } from "./cases/Granting.ts"
import { historyCases } from "./cases/Histories.ts"
import { keys } from "./cases/Keys.ts"
import { leases } from "./cases/Leases.ts"
import { limits } from "./cases/Limits.ts"
import { listing } from "./cases/Listing.ts"
import { nearHits } from "./cases/NearHits.ts"
import { races } from "./cases/Races.ts"
import { reading } from "./cases/Reading.ts"
import { records } from "./cases/Records.ts"
import { settling } from "./cases/Settling.ts"
import { durations } from "./cases/Took.ts"
import { touching } from "./cases/Touching.ts"
import { unchanged } from "./cases/Unchanged.ts"
import { values } from "./cases/Values.ts"
import { watchingCases } from "./cases/Watching.ts"
import { type LawId, laws } from "./Law.ts"

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

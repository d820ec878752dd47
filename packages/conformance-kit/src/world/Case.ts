/** One proof of one law, as data. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Capability } from "./Claims.ts"
import type { LawId } from "./Law.ts"
import type { World } from "./World.ts"

/** What a case needs besides the verbs that every adapter has. */
export type Need = Capability | "records" | "stall" | "a store's clock" | "the process's clock" | "a clock that runs"

export interface Case {
  readonly law: LawId
  /** Unique in the kit: reports and tests go by it. */
  readonly name: string
  readonly needs?: Need | undefined
  /** It moves this process's clock or stalls the backend, so nothing else may run beside it. */
  readonly alone?: boolean | undefined
  /** Its steps are a round, which may be run as often as one likes. */
  readonly race?: boolean | undefined
  readonly run: (world: World) => Effect.Effect<void, unknown, Scope.Scope>
}

/** The steps of a case, as a generator of effects. */
export type Steps = (world: World) => Effect.fn.Return<void, unknown, Scope.Scope>

/** A case that proves a law by steps that throw where it is broken. */
export const prove = (law: LawId, name: string, steps: Steps, options: Pick<Case, "needs" | "alone"> = {}): Case => ({
  law,
  name,
  run: Effect.fnUntraced(steps),
  ...options
})

/** The steps of one round of a race, on a key that no other round has. */
export type RoundSteps = (world: World, key: string, round: number) => Effect.fn.Return<void, unknown, Scope.Scope>

/** A case that proves a law by racing: once is no proof, so its steps run in rounds, twenty unless it is told otherwise. */
export const race = (
  law: LawId,
  name: string,
  steps: RoundSteps,
  { rounds = 20, ...options }: Pick<Case, "needs" | "alone"> & { readonly rounds?: number } = {}
): Case => {
  const one = Effect.fnUntraced(steps)
  return {
    law,
    name,
    race: true,
    run: (world) => {
      const { atOnce, count } = world.rounds ?? { atOnce: 1, count: rounds }
      return Effect.forEach(
        Array.from({ length: count }, (_, round) => round),
        (round) => Effect.scoped(one(world, world.name(), round)),
        { concurrency: atOnce, discard: true }
      )
    },
    ...options
  }
}

/** One test of one law, as data. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Capability } from "./Claims.ts"
import type { LawId } from "./Law.ts"
import type { World } from "./World.ts"

/** A requirement of a case beyond the verbs that every adapter has. */
export type Need = Capability | "records" | "stall" | "a store's clock" | "the process's clock" | "a clock that runs"

export interface Case {
  readonly law: LawId
  /** Unique in the kit. Reports and tests use it. */
  readonly name: string
  readonly needs?: Need | undefined
  /** The case moves this process's clock or stalls the backend, so nothing else may run beside it. */
  readonly alone?: boolean | undefined
  /** The steps are one round of a race, which may run any number of times. */
  readonly race?: boolean | undefined
  readonly run: (world: World) => Effect.Effect<void, unknown, Scope.Scope>
}

/** The steps of a case, as a generator of effects. */
export type Steps = (world: World) => Effect.fn.Return<void, unknown, Scope.Scope>

/** A case that proves a law by steps. They throw where the law is broken. */
export const prove = (law: LawId, name: string, steps: Steps, options: Pick<Case, "needs" | "alone"> = {}): Case => ({
  law,
  name,
  run: Effect.fnUntraced(steps),
  ...options
})

/** The steps of one round of a race, on a key that no other round has. */
export type RoundSteps = (world: World, key: string, round: number) => Effect.fn.Return<void, unknown, Scope.Scope>

/**
 * A case that proves a law by a race. One round proves nothing, so the steps run in rounds: twenty, unless the case
 * says otherwise.
 */
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
      // A race of many needs fewer rounds than one of two.
      const share = rounds < 10 ? 4 : 1
      const { atOnce, count } = world.rounds ?? { atOnce: 1, count: rounds * share }
      return Effect.forEach(
        Array.from({ length: Math.ceil(count / share) }, (_, round) => round),
        (round) => Effect.scoped(one(world, world.name(), round)),
        { concurrency: atOnce, discard: true }
      )
    },
    ...options
  }
}

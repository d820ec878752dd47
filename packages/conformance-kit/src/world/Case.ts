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

/**
 * The abilities that an author claims for an adapter. The kit compares them with those it has.
 *
 * Every claim must be made. A capability that the adapter lacks is claimed `false`: its cases are then shown as
 * skipped, and a case checks that it is really absent.
 */
import type { Adapter } from "@cache-locking/core"

/** The optional verbs. */
export const capabilities = ["watch", "keys", "changes", "acquireMany", "deleteMany", "hitUnsafe", "close"] as const

export type Capability = (typeof capabilities)[number]

/** The author's claims. */
export interface Claims {
  readonly watch: boolean
  readonly keys: boolean
  readonly changes: boolean
  readonly acquireMany: boolean
  readonly deleteMany: boolean
  /**
   * `{ lag }` where near hits are dropped by a message: for at most this many milliseconds
   * after another peer's change the old value may still be answered.
   */
  readonly hitUnsafe: boolean | { readonly lag: number }
  readonly close: boolean
  /**
   * The clock that ends leases. `"store"`: a clock that all clients share. `"client"`: each client's own.
   * `"process"`: the store lives in this very process and goes by a time that never steps (its `limits.clock` is `"store"`).
   */
  readonly clock: "store" | "client" | "process"
}

/** The abilities that the adapter has. */
export type Facts = { readonly [C in Capability]: boolean } & { readonly clock: "store" | "client" }

/** Reads the facts from an adapter. */
export const factsOf = (adapter: Adapter): Facts => ({
  watch: adapter.watch !== undefined,
  keys: adapter.keys !== undefined,
  changes: adapter.changes !== undefined,
  acquireMany: adapter.acquireMany !== undefined,
  deleteMany: adapter.deleteMany !== undefined,
  hitUnsafe: adapter.hitUnsafe !== undefined,
  close: adapter.close !== undefined,
  clock: adapter.limits.clock
})

/** Milliseconds by which near hits may lag, or `undefined` without near hits. */
export const lagOf = (claims: Claims): number | undefined => {
  if (claims.hitUnsafe === false) return undefined
  return claims.hitUnsafe === true ? 0 : claims.hitUnsafe.lag
}

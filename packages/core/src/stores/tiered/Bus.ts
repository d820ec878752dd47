/**
 * What tells the processes of a cache about each other's changes where the far tier itself cannot.
 *
 * A team that has a message broker already makes one of these in a few lines: two functions. Messages are short texts
 * that only `Tiered` reads; they may be told more than once, and to their own sender, too.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AdapterError } from "../../contract/Adapter.ts"

/** What a subscriber is told. No method throws. */
export interface Listener {
  /** A message was published, by anyone. */
  readonly told: (message: string) => void
  /** Messages may be missed from now on. */
  readonly lost: () => void
  /** Messages are told again; any may have been missed. */
  readonly restored: () => void
}

/** A channel of messages between processes. */
export interface Bus {
  /**
   * Completes once the message is on its way to all subscribers. Settles in bounded time; a failure is the
   * `AdapterError` of the write that it was to tell of.
   */
  readonly publish: (message: string) => Effect.Effect<void, AdapterError>
  /**
   * Completes once the subscription is live, which lasts as long as the scope. A bus that knows when its connection
   * is gone says `lost` and `restored`. One that does not needs the `heartbeat` of `Tiered`, and must tell messages to
   * their sender, in order.
   */
  readonly subscribe: (listener: Listener) => Effect.Effect<void, AdapterError, Scope.Scope>
}

/**
 * A bus within one process: for tests, and for many caches in one process.
 *
 * @example
 * ```ts
 * import { Bus, MemoryAdapter, Tiered } from "@cache-locking/core"
 *
 * const far = MemoryAdapter.make()
 * const cache = Tiered.make([{ maxEntries: 1_000 }, far], { bus: Bus.inProcess() })
 * ```
 */
export const inProcess = (): Bus => {
  const listeners = new Set<Listener>()
  return {
    publish: (message) =>
      Effect.sync(() => {
        for (const listener of listeners) listener.told(message)
      }),
    subscribe: (listener) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        )
      )
  }
}

/**
 * Reports the changes of each process to the others, for far tiers that cannot do so themselves.
 *
 * A bus is two functions, a few lines over a message broker that you already run. Messages are short texts that only
 * `Tiered` reads. Each may arrive more than once, and at its own sender too.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AdapterError } from "../../contract/Adapter.ts"

/** Receives the messages of a bus. No method throws. */
export interface Listener {
  /** A message arrived, from any process. */
  readonly received: (message: string) => void
  /** Messages may be missed from now on. */
  readonly lost: () => void
  /** Messages arrive again. Any may have been missed since `lost`. */
  readonly restored: () => void
}

/** A channel of messages between processes. */
export interface Bus {
  /**
   * Completes once the message is on its way to all subscribers. It must settle in bounded time. When it fails, the write
   * that it reports fails with an `AdapterError`.
   */
  readonly publish: (message: string) => Effect.Effect<void, AdapterError>
  /**
   * Completes once the subscription is live. The subscription lasts as long as the scope. A bus that notices a lost
   * connection calls `lost` and `restored`. One that does not needs the `heartbeat` of `Tiered`, and must deliver a
   * process's messages to that process too, in order.
   */
  readonly subscribe: (listener: Listener) => Effect.Effect<void, AdapterError, Scope.Scope>
}

/**
 * A bus within one process, for tests and for several caches in one process.
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
        for (const listener of listeners) listener.received(message)
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

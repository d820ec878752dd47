/**
 * The forced loads that callers of this process wait for, by key. An older load may still run in this process, and
 * later callers must not join it.
 */
import * as Effect from "effect/Effect"

export class ForcedLoads {
  private readonly callers = new Map<string, number>()

  /** True while a caller waits for a forced load of the key. */
  has(key: string): boolean {
    return this.callers.has(key)
  }

  /** Counts a caller until it has its answer. */
  counted<A, E, R>(key: string, forced: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      this.callers.set(key, (this.callers.get(key) ?? 0) + 1)
      return Effect.ensuring(forced, this.uncounted(key))
    })
  }

  private uncounted(key: string): Effect.Effect<void> {
    return Effect.sync(() => {
      const left = this.callers.get(key)! - 1
      if (left === 0) this.callers.delete(key)
      else this.callers.set(key, left)
    })
  }
}

/**
 * Keys that this process saw fresh a moment ago, each with the time of the store's clock then.
 *
 * A script on the hit path costs the server several times a `GET` (docs/decisions/redis-hit-path.md). A key with a
 * hint is read with a plain `GET` first. The record itself contains the end of its freshness, and the hint gives the
 * store's time, so freshness and age stay those of the store's clock.
 *
 * The estimate is never too early, so a stale value is never called fresh: the script ran after it was sent, so the
 * store's clock now is at most the time in the script's answer plus all the time since the sending. Elapsed time is
 * measured by the monotonic clock. The wall clock only discards hints from before the machine slept.
 */

/** A script's answer about a key, remembered. */
export interface Hint {
  /** The name of the value's key in Redis. */
  readonly name: string
  /** The node that has it. */
  readonly route: string
  /** The time at which the script was sent, by `performance.now()`. */
  readonly sentAt: number
  /** The same by the wall clock, which counts suspended time too. */
  readonly wallAt: number
  /** The store's clock at some moment after that. */
  readonly storeAt: number
  /** The end of the value's freshness, on the store's clock. */
  readonly freshUntil: number
}

/** A hint is no longer used after this long. It bounds the effect of a step of the store's clock. */
const horizon = 5_000

/** Beyond this round trip the estimate is too coarse to be of use. */
const roundTripMax = 100

/** Clocks drift apart by less than a thousandth, and the store returns whole milliseconds. */
const drift = 1 / 1_000
const rounding = 1

const capacity = 4_096

/** The latest time that the store's clock can show at `at` (`performance.now()`). */
export const storeNow = (hint: Hint, at: number): number => {
  const since = at - hint.sentAt
  return hint.storeAt + since + since * drift + rounding
}

/** The hints of one client and prefix: two generations, so that removing old hints costs nothing. */
export class Hints {
  private young = new Map<string, Hint>()
  private old = new Map<string, Hint>()

  /** The hint about a key, if it should still have more than `margin` milliseconds of freshness. */
  find(key: string, margin: number): Hint | undefined {
    const hint = this.young.get(key) ?? this.old.get(key)
    if (hint === undefined) return undefined
    const now = performance.now()
    if (now - hint.sentAt < horizon && Math.abs(Date.now() - hint.wallAt) < horizon) {
      if (hint.freshUntil - storeNow(hint, now) > margin) return hint
    }
    return undefined
  }

  /** Remembers a script's answer, if it came promptly. */
  note(key: string, hint: Hint): void {
    if (performance.now() - hint.sentAt > roundTripMax) return
    if (this.young.size >= capacity && !this.young.has(key)) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(key, hint)
  }

  forget(key: string): void {
    this.young.delete(key)
    this.old.delete(key)
  }

  clear(): void {
    this.young.clear()
    this.old.clear()
  }
}

/**
 * Keys that this process lately saw fresh, and how the store's clock stood then.
 *
 * A script on the hit path costs the server several times a `GET` (docs/decisions/redis-hit-path.md).
 * A key in here is asked with a plain `GET` first; the record itself says until when it is fresh, and the
 * sighting says what time it is at the store, so freshness and age stay those of the store's clock.
 *
 * The estimate only ever errs to the late side, so a value is never called fresh when it is not: the
 * script ran after the question was sent, hence the store's clock now is at most the clock it told plus
 * all the time since the sending. Time is measured monotonically, so nobody's wall clock enters;
 * the wall clock only discards sightings from before the machine slept.
 */

/** What a script's answer told of a key. */
export interface Sighting {
  /** The name of the value's key in Redis. */
  readonly name: string
  /** The node that has it. */
  readonly route: string
  /** When the question was sent: `performance.now()`. */
  readonly sentAt: number
  /** The same by the wall clock, which counts suspended time too. */
  readonly wallAt: number
  /** The store's clock at some moment after. */
  readonly storeAt: number
  /** Until when the value was fresh, on the store's clock. */
  readonly freshUntil: number
}

/** After this long a script tells the time anew; it bounds what a step of the store's clock can do. */
const horizon = 5_000

/** Beyond this round trip the estimate is too coarse to be of use. */
const roundTripMax = 100

/** Clocks drift apart by less than a thousandth; and the store told whole milliseconds. */
const drift = 1 / 1_000
const rounding = 1

const capacity = 4_096

/** The latest that the store's clock can stand at `at` (`performance.now()`). */
export const storeNow = (sighting: Sighting, at: number): number => {
  const since = at - sighting.sentAt
  return sighting.storeAt + since + since * drift + rounding
}

/** The sightings of one client and prefix: two generations, so that forgetting is free. */
export class Sightings {
  private young = new Map<string, Sighting>()
  private old = new Map<string, Sighting>()

  /** The sighting of a key that should still have more than `margin` milliseconds of freshness. */
  find(key: string, margin: number): Sighting | undefined {
    const sighting = this.young.get(key) ?? this.old.get(key)
    if (sighting === undefined) return undefined
    const now = performance.now()
    if (now - sighting.sentAt < horizon && Math.abs(Date.now() - sighting.wallAt) < horizon) {
      if (sighting.freshUntil - storeNow(sighting, now) > margin) return sighting
    }
    return undefined
  }

  /** Remembers what a script told, if it told it promptly. */
  note(key: string, sighting: Sighting): void {
    if (performance.now() - sighting.sentAt > roundTripMax) return
    if (this.young.size >= capacity && !this.young.has(key)) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(key, sighting)
  }

  forget(key: string): void {
    this.young.delete(key)
    this.old.delete(key)
  }
}

/**
 * The clock of a store that reports its time only in its replies, and only in seconds: the `Date` of HTTP.
 *
 * Each reply bounds the difference between the store's clock and this process's monotonic one: `Date` was written
 * between the request and its reply, and is cut to its second. The bounds of successive replies are intersected, so an
 * earlier bound stays valid, and replies from around full seconds narrow it to about the time of a request. While this
 * host's own clock is within the bounds it counts, so hosts whose clocks are right agree to the millisecond. Otherwise
 * the middle of the bounds counts. So two hosts disagree by two seconds at most, and the times of their requests,
 * whatever their own clocks say.
 *
 * One reply with an odd `Date` decides nothing: the bounds move only when several in a row contradict them and agree with
 * each other. Where the very first reply contradicts this host's own clock, one of the two is wrong: the adapter asks once
 * more (`isDoubtful`).
 */

const second = 1_000

/**
 * The most by which the clocks of one store's servers may differ, in milliseconds, before one reply contradicts
 * another.
 */
const unsteadiness = 250

/** The number of replies in a row that must contradict all others to be believed: the store's clock was set. */
const convincing = 3

/** Milliseconds per millisecond by which two clocks may drift apart. */
const drift = 100e-6

/**
 * This host's clock and its monotonic one move together, except when the host's clock is set, or while the process is
 * suspended. Then the bounds are void.
 */
const setBy = 250

/** The most by which hosts may disagree, in milliseconds. */
const agreement = 2_000

/**
 * The shortest lease, in milliseconds, that no other host takes for ended while it is renewed. It is renewed at a third
 * of its time, and hosts disagree by two seconds and the times of their requests.
 */
export const shortestLease = 4_000

/** The least and the most that the store's clock is ahead of this process's monotonic one. */
interface Bounds {
  readonly least: number
  readonly most: number
}

/** The intersection of both; nothing if they contradict each other by more than the store's servers may. */
const meet = (one: Bounds, other: Bounds): Bounds | undefined => {
  const [least, most] = [Math.max(one.least, other.least), Math.min(one.most, other.most)]
  if (least - most > unsteadiness) return undefined
  return least <= most ? { least, most } : { least: most, most: least }
}

const isWithin = (ahead: number, { least, most }: Bounds, by = 0): boolean => least - by <= ahead && ahead <= most + by

export class StoreClock {
  private bounds: Bounds | undefined
  private ahead: number | undefined
  /** By the monotonic clock. */
  private learnedAt = 0
  /** The bounds of replies that contradict the present ones, and the number of these replies in a row. */
  private odd: Bounds | undefined
  private odds = 0
  private isLone = false
  /** The lead of this host's clock over the monotonic one at the last reply; `NaN` before the first. */
  private own = Number.NaN
  private readonly monotonic: () => number
  private readonly wall: () => number

  constructor(monotonic = (): number => performance.now(), wall = (): number => Date.now()) {
    this.monotonic = monotonic
    this.wall = wall
  }

  /** True once a reply contained the time. */
  get isSet(): boolean {
    return this.bounds !== undefined
  }

  /**
   * True when the next request must first ask for the time: before the first reply, and when this host's clock was set.
   */
  get isOutdated(): boolean {
    return !(Math.abs(this.wall() - this.monotonic() - this.own) <= setBy)
  }

  /**
   * True when a single reply says that this host's clock is wrong, and no second one: another request will tell which of
   * the two is.
   */
  get isDoubtful(): boolean {
    return this.isLone
  }

  /** Whole epoch milliseconds; by this host's clock before a reply contained the time. */
  readonly now = (): number => Math.round(this.ahead === undefined ? this.wall() : this.monotonic() + this.ahead)

  /**
   * Learns from a reply, even from one without the time.
   *
   * @param date its `Date`
   * @param sent the moment before the request, by `performance.now`
   * @param received the moment after the head of its reply
   */
  learn(date: string | undefined, sent: number, received: number): void {
    if (this.isOutdated) {
      this.bounds = this.odd = undefined
      this.isLone = false
    }
    this.own = this.wall() - this.monotonic()
    const told = date === undefined ? Number.NaN : Date.parse(date)
    if (Number.isNaN(told)) return
    const seen = { least: told - received, most: told + second - sent }
    const isPlausible = isWithin(this.own, seen, agreement)
    if (this.bounds === undefined) {
      this.isLone = !isPlausible
      this.adopt(seen, received)
      return
    }
    const both = meet(this.widened(this.bounds, received), seen)
    if (both !== undefined || (this.isLone && isPlausible)) {
      this.isLone = false
      this.adopt(both ?? seen, received)
    } else this.doubt(seen, received)
  }

  private widened({ least, most }: Bounds, at: number): Bounds {
    const by = Math.max(0, at - this.learnedAt) * drift
    return { least: least - by, most: most + by }
  }

  private doubt(seen: Bounds, at: number): void {
    const agreed = this.odd && meet(this.odd, seen)
    this.odds = agreed === undefined ? 1 : this.odds + 1
    this.odd = agreed ?? seen
    if (this.odds >= convincing) this.adopt(this.odd, at)
  }

  private adopt(bounds: Bounds, at: number): void {
    this.bounds = bounds
    this.learnedAt = Math.max(this.learnedAt, at)
    this.odd = undefined
    if (isWithin(this.own, bounds)) this.ahead = this.own
    // It moves no more often than it must.
    else if (this.ahead === undefined || !isWithin(this.ahead, bounds)) this.ahead = (bounds.least + bounds.most) / 2
  }
}

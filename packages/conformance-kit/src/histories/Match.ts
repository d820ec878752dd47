/**
 * Compares an observed reply with the one that `Entry` gives. The numbers of a reply are times since or until an event,
 * so they also bound the instant at which the request took effect.
 */
import type { Acquired, Snapshot, Stale } from "@cache-locking/core"
import type { Event, History, Reply, Request } from "./History.ts"
import { atLeast, atMost, type Bound } from "./Instants.ts"
import { type State, textOf } from "./Replay.ts"

/** The bounds that a matching reply implies; nothing when it does not match. */
export type Matched = ReadonlyArray<Bound> | undefined

/** The durations of the parts of an entry, from the requests that began them. */
export interface Spans {
  readonly fresh: number
  readonly kept: number
  readonly lease: number
  readonly cooldown: number
}

const span = <K extends string>(request: Request | undefined, field: K): number =>
  request !== undefined && field in request ? (request as unknown as Record<K, number>)[field] : 0

export const spansOf = (history: History, { from }: State): Spans => {
  const kept = history[from.kept]?.request
  const touched = history[from.fresh]?.request
  const lifetime = kept !== undefined && "lifetime" in kept ? kept.lifetime : { fresh: 0, stale: 0 }
  const fresh = touched?.verb === "touch" ? touched.freshFor : lifetime.fresh
  return {
    fresh,
    kept: fresh + lifetime.stale,
    lease: span(history[from.lease]?.request, "leaseFor"),
    cooldown: span(history[from.cooldown]?.request, "cooldown")
  }
}

/** Compares the reply of one event with the reply that is expected in a state. */
export class Matcher {
  private readonly event: number
  private readonly state: State
  private readonly spans: Spans
  private readonly tolerance: number
  /**
   * An adapter may compute a hit from an earlier reply, without knowing at which instant of that request the reply was
   * true. The hit may then look older, by the duration of the longest request, and never younger.
   */
  private readonly reckoning: number
  private readonly bounds: Array<Bound> = []

  constructor(history: History, event: number, state: State, tolerance: number) {
    this.event = event
    this.state = state
    this.spans = spansOf(history, state)
    this.tolerance = tolerance
    this.reckoning = Math.max(...history.map(({ got, sent }) => got - sent))
  }

  match(expected: Reply, observed: Event["reply"]): Matched {
    return this.reply(expected, observed) ? this.bounds : undefined
  }

  private reply(expected: Reply, observed: Reply): boolean {
    if (expected.verb === "acquire" && observed.verb === "acquire")
      return this.acquired(expected.answer, observed.answer)
    if (expected.verb === "held" && observed.verb === "held") return expected.answer === observed.answer
    if (expected.verb === "read" && observed.verb === "read") return this.snapshot(expected.answer, observed.answer)
    return expected.verb === "put" && observed.verb === "put"
  }

  private acquired(expected: Acquired, observed: Acquired): boolean {
    if (expected._tag === "Hit" && observed._tag === "Hit") {
      return (
        textOf(expected.value) === textOf(observed.value) &&
        this.until(observed.freshFor, "fresh", this.spans.fresh, this.reckoning) &&
        this.since(observed.age, "kept", 0, this.reckoning) &&
        this.took(observed.took)
      )
    }
    if (expected._tag === "Leader" && observed._tag === "Leader") {
      return expected.token === observed.token && this.stale(expected.stale, observed.stale)
    }
    if (expected._tag === "Follower" && observed._tag === "Follower") {
      return this.until(observed.leaseEndsIn, "lease", this.spans.lease) && this.stale(expected.stale, observed.stale)
    }
    if (expected._tag === "Cooling" && observed._tag === "Cooling") {
      return (
        textOf(expected.cause) === textOf(observed.cause) &&
        this.until(observed.retryIn, "cooldown", this.spans.cooldown) &&
        this.stale(expected.stale, observed.stale)
      )
    }
    return false
  }

  private stale(expected: Stale | undefined, observed: Stale | undefined): boolean {
    // A stale value is optional: one whose bytes another store removed meanwhile is left out.
    if (observed === undefined) return true
    if (expected === undefined) return false
    return (
      textOf(expected.value) === textOf(observed.value) &&
      this.since(observed.age, "kept", 0) &&
      this.since(observed.staleFor, "fresh", this.spans.fresh) &&
      this.took(observed.took)
    )
  }

  private snapshot(expected: Snapshot, observed: Snapshot): boolean {
    const { cooling, lease, value } = expected
    if (textOf(value) !== textOf(observed.value)) return false
    const times =
      value === undefined
        ? observed.freshFor === 0 && observed.keptFor === 0 && observed.age === 0 && observed.took === 0
        : this.until(observed.freshFor, "fresh", this.spans.fresh) &&
          this.until(observed.keptFor, "fresh", this.spans.kept) &&
          this.since(observed.age, "kept", 0) &&
          this.took(observed.took)
    if (!times || lease?.owner !== observed.lease?.owner) return false
    if (observed.lease !== undefined && !this.until(observed.lease.endsIn, "lease", this.spans.lease)) return false
    if (cooling === undefined || observed.cooling === undefined) return cooling === observed.cooling
    return (
      textOf(cooling.cause) === textOf(observed.cooling.cause) &&
      this.until(observed.cooling.retryIn, "cooldown", this.spans.cooldown)
    )
  }

  /** Adds the bounds that hold if the time from the grant of the lease to the fill was `reported`. */
  private took(reported: number): boolean {
    const { kept, took } = this.state.from
    if (took === -1) return reported === 0
    this.bounds.push(atMost(kept, took, reported + this.tolerance), atLeast(kept, took, reported - this.tolerance))
    return reported >= 0
  }

  /**
   * Adds the bounds that hold if the part, begun by its origin, had `reported` left until it has lasted its span. Never
   * reported below 0.
   */
  private until(reported: number, part: keyof State["from"], lasts: number, early = 0): boolean {
    if (lasts === Infinity || reported === Infinity) return lasts === reported
    const origin = this.state.from[part]
    this.bounds.push(atLeast(this.event, origin, lasts - reported - this.tolerance - early))
    if (reported > 0) this.bounds.push(atMost(this.event, origin, lasts - reported + this.tolerance))
    return true
  }

  /**
   * Adds the bounds that hold if the part, begun by its origin, had reached this age `reported` ago. Never reported
   * below 0.
   */
  private since(reported: number, part: keyof State["from"], old: number, late = 0): boolean {
    if (old === Infinity) return reported === 0
    const origin = this.state.from[part]
    this.bounds.push(atMost(this.event, origin, old + reported + this.tolerance))
    if (reported > 0) this.bounds.push(atLeast(this.event, origin, old + reported - this.tolerance - late))
    return true
  }
}

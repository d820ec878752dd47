/**
 * What a flight tells one caller who waits with hooks, a signal, or a fetcher around it.
 */
import * as Effect from "effect/Effect"
import type { Flight, FlightEvent, Waiter } from "../flight/Flight.ts"

const never = (): boolean => false

/** What a caller wants of a flight. */
export interface Wish extends Omit<Waiter, "notify"> {
  /** Called when it turns out that another caller or process loads. */
  readonly others?: (() => void) | undefined
}

/** Waits for as long as it takes. */
export const patient: Omit<Wish, "scope"> = {
  deadline: Infinity,
  isInitiator: true,
  timesOutWhileLoading: false,
  softDeadline: Infinity,
  takes: never
}

/** What ends a wait. */
export type Told = Exclude<FlightEvent, { readonly _tag: "Following" | "Joined" }> | { readonly _tag: "Aborted" }

const following = "Following"

/**
 * What a flight tells one caller, kept until the caller looks.
 *
 * Making one joins the flight, and it is to be closed: whoever makes it must not be interrupted in between. Leaving
 * is prompt, and a caller whose signal has fired is not to make one.
 */
export class Inbox implements Waiter {
  readonly scope: Waiter["scope"]
  readonly deadline: number
  readonly isInitiator: boolean
  readonly timesOutWhileLoading: boolean
  readonly softDeadline: number
  readonly takes: Waiter["takes"]
  private readonly others: Wish["others"]
  private followed = false
  private unread: typeof following | undefined
  private told: Told | undefined
  private resume: ((news: Effect.Effect<Told | typeof following>) => void) | undefined
  private readonly flight: Flight
  private readonly within: Flight | undefined
  private readonly signal: AbortSignal | undefined

  constructor(flight: Flight, within: Flight | undefined, signal: AbortSignal | undefined, wish: Wish) {
    this.flight = flight
    this.within = within
    this.signal = signal
    this.scope = wish.scope
    this.deadline = wish.deadline
    this.isInitiator = wish.isInitiator
    this.timesOutWhileLoading = wish.timesOutWhileLoading
    this.softDeadline = wish.softDeadline
    this.takes = wish.takes
    this.others = wish.others
    within?.waits(flight, 1)
    signal?.addEventListener("abort", this.abort, { once: true })
    flight.join(this)
  }

  private readonly abort = (): void => {
    this.notify({ _tag: "Aborted" })
    this.flight.leave(this)
  }

  notify(news: FlightEvent | { readonly _tag: "Aborted" }): void {
    if (news._tag === "Following" || news._tag === "Joined") this.others?.()
    if (news._tag === "Joined") return
    if (news._tag !== "Following") this.told ??= news
    else if (this.followed) return
    else {
      this.followed = true
      this.unread = following
    }
    this.deliver()
  }

  private deliver(): void {
    const news = this.told ?? this.unread
    if (news === undefined || this.resume === undefined) return
    const { resume } = this
    this.resume = undefined
    this.unread = undefined
    resume(Effect.succeed(news))
  }

  /** The flight's answer. `onFollowing` runs once, when another turns out to lead; the caller waits on meanwhile. */
  answer<E, R>(onFollowing: Effect.Effect<unknown, E, R> | undefined): Effect.Effect<Told, E, R> {
    return Effect.flatMap(this.news, (news) => {
      if (news !== following) return Effect.succeed(news as Told)
      const next = this.answer<E, R>(undefined)
      return onFollowing === undefined ? next : Effect.andThen(onFollowing, next)
    })
  }

  /** The next thing to know. */
  private readonly news = Effect.callback<Told | typeof following>((resume) => {
    this.resume = resume
    this.deliver()
  })

  readonly close = Effect.sync(() => {
    this.signal?.removeEventListener("abort", this.abort)
    this.flight.leave(this)
    this.within?.waits(this.flight, -1)
  })
}

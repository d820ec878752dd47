/**
 * A caller with nothing that needs a fiber of its own: no hook, no signal, no fetcher around it. A thousand of
 * these wait for one load, and one begins it for each hit of a remote store, so each is one small object.
 */
import * as Exit from "effect/Exit"
import type { Engine } from "../flight/Engine.ts"
import { isMissing } from "../flight/FetchBatch.ts"
import type { Flight, News, Waiter } from "../flight/Flight.ts"
import type { StaleValue } from "../flight/LoadContext.ts"
import type { Plan } from "../flight/LoadRequest.ts"
import type { Answer } from "../options/Answer.ts"
import * as Policy from "../options/Policy.ts"
import type { Life } from "../options/RequestScope.ts"
import { allows, ofFailure, ofLanding, ofStale } from "./Answers.ts"

/** Waits for a flight. */
export abstract class Joiner implements Waiter {
  private readonly engine: Engine<any>
  private readonly plan: Plan
  protected readonly flight: Flight
  /** Whether this caller made the flight. */
  readonly mine: boolean
  /** When the caller began to wait. */
  protected readonly began: number

  constructor(engine: Engine<any>, plan: Plan, flight: Flight, mine: boolean) {
    this.engine = engine
    this.plan = plan
    this.flight = flight
    this.mine = mine
    this.began = mine ? flight.born : flight.now
  }

  /** Told once how it ended; without an exit the caller goes the long way, `late` if its time is over. */
  protected abstract end(exit: Exit.Exit<Answer<any>, any> | undefined, late: boolean): void

  /** Whether a caller with this plan may be one. */
  static suits({ hooks, others, policy, signal }: Plan): boolean {
    return hooks === undefined && others === undefined && signal === undefined && !Policy.followsHits(policy)
  }

  get life(): Life {
    return this.plan.life
  }

  get deadline(): number {
    return this.began + this.plan.policy.waitMax
  }

  get evenLeading(): boolean {
    return !this.mine && this.plan.policy.onWaitTimeout !== "fetch"
  }

  get soft(): number {
    return this.began + this.plan.policy.softTimeout
  }

  takes(stale: StaleValue<any>): boolean {
    const { now } = this.flight
    return allows(this.plan.policy, stale, now >= this.soft, now)
  }

  tell(news: News): void {
    if (news._tag !== "Following" && news._tag !== "Joined") this.end(this.exit(news), news._tag === "TimedOut")
  }

  private exit(news: News): Exit.Exit<Answer<any>, any> | undefined {
    const { engine, flight, plan } = this
    if (news._tag === "Stale") return Exit.succeed(ofStale(engine, news.stale, flight.now))
    if (news._tag !== "Landed") return undefined
    const { exit } = news
    if (flight.ended) return undefined
    if (Exit.isSuccess(exit)) {
      const landing = exit.value
      return landing._tag === "Idle"
        ? undefined
        : Exit.succeed(ofLanding(engine, landing, this.mine, this.began, flight.clock))
    }
    if (!this.mine && isMissing(exit.cause)) return undefined
    return ofFailure(engine, plan, exit.cause, flight.besides, flight.now)
  }

  join(): void {
    this.flight.join(this)
  }

  leave(): void {
    this.flight.leave(this)
  }
}

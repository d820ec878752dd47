/**
 * A caller with nothing that needs a fiber of its own: no hook, no signal, no fetcher around it. A thousand of
 * these wait for one load, and one begins it for each hit of a remote store, so each is one small object.
 */
import * as Exit from "effect/Exit"
import type { Engine } from "../flight/Engine.ts"
import { isMissing } from "../flight/FetchBatch.ts"
import type { Flight, FlightEvent, Waiter } from "../flight/Flight.ts"
import type { StaleValue } from "../flight/LoadContext.ts"
import type { CallPlan } from "../flight/LoadRequest.ts"
import type { Answer } from "../options/Answer.ts"
import * as Policy from "../options/Policy.ts"
import type { RequestScope } from "../options/RequestScope.ts"
import { allows, ofFailure, ofLanding, ofStale } from "./Answers.ts"

/** Waits for a flight. */
export abstract class Joiner implements Waiter {
  private readonly engine: Engine<any>
  private readonly plan: CallPlan
  protected readonly flight: Flight
  /** Whether this caller made the flight. */
  readonly isInitiator: boolean
  /** When the caller began to wait. */
  protected readonly began: number

  constructor(engine: Engine<any>, plan: CallPlan, flight: Flight, mine: boolean) {
    this.engine = engine
    this.plan = plan
    this.flight = flight
    this.isInitiator = mine
    this.began = mine ? flight.startedAt : flight.now
  }

  /** Told once how it ended; without an exit the caller goes the long way, `late` if its time is over. */
  protected abstract end(exit: Exit.Exit<Answer<any>, any> | undefined, late: boolean): void

  /** Whether a caller with this plan may be one. */
  static suits({ hooks, others, policy, signal }: CallPlan): boolean {
    return hooks === undefined && others === undefined && signal === undefined && !Policy.followsHits(policy)
  }

  get scope(): RequestScope {
    return this.plan.scope
  }

  get deadline(): number {
    return this.began + this.plan.policy.waitMax
  }

  get timesOutWhileLoading(): boolean {
    return !this.isInitiator && this.plan.policy.onWaitTimeout !== "fetch"
  }

  get softDeadline(): number {
    return this.began + this.plan.policy.softTimeout
  }

  takes(stale: StaleValue<any>): boolean {
    const { now } = this.flight
    return allows(this.plan.policy, stale, now >= this.softDeadline, now)
  }

  notify(news: FlightEvent): void {
    if (news._tag !== "Following" && news._tag !== "Joined") this.end(this.exit(news), news._tag === "TimedOut")
  }

  private exit(news: FlightEvent): Exit.Exit<Answer<any>, any> | undefined {
    const { engine, flight, plan } = this
    if (news._tag === "Stale") return Exit.succeed(ofStale(engine, news.stale, flight.now))
    if (news._tag !== "Landed") return undefined
    const { exit } = news
    if (flight.ended) return undefined
    if (Exit.isSuccess(exit)) {
      const landing = exit.value
      return landing._tag === "Idle"
        ? undefined
        : Exit.succeed(ofLanding(engine, landing, this.isInitiator, this.began, flight.clock))
    }
    if (!this.isInitiator && isMissing(exit.cause)) return undefined
    return ofFailure(engine, plan, exit.cause, flight.staleValue, flight.now)
  }

  join(): void {
    this.flight.join(this)
  }

  leave(): void {
    this.flight.leave(this)
  }
}

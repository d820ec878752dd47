/**
 * A caller who finds its key's load under way, and nothing that needs a fiber of its own: no hook,
 * no signal, no fetcher around it. A thousand of these wait for one load, so each is one small object.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { allows, ofFailure, ofLanding, ofStale } from "./Answering.ts"
import type { Engine, Plan } from "./Engine.ts"
import type { Flight, News, Waiter } from "./Flight.ts"
import type { Answer } from "./Outcome.ts"
import type { StaleValue } from "./Turn.ts"

/** Waits for a flight. */
export abstract class Joiner implements Waiter {
  private readonly engine: Engine<any>
  private readonly plan: Plan
  private readonly flight: Flight
  /** When the caller began to wait. */
  protected readonly began: number

  constructor(engine: Engine<any>, plan: Plan, flight: Flight) {
    this.engine = engine
    this.plan = plan
    this.flight = flight
    this.began = flight.now
  }

  /** Told once how it ended; by `undefined`, that the caller must wait on the long way. */
  protected abstract end(exit: Exit.Exit<Answer<any>, any> | undefined): void

  /** Whether a caller with this plan may be one. */
  static suits({ hooks, signal }: Plan): boolean {
    return hooks === undefined && signal === undefined
  }

  get deadline(): number {
    return this.began + this.plan.policy.waitMax
  }

  get evenLeading(): boolean {
    return this.plan.policy.onWaitTimeout !== "fetch"
  }

  get wantsFollowing(): boolean {
    return false
  }

  takes(stale: StaleValue<any>, failing: boolean): boolean {
    return allows(this.plan.policy, stale, failing, this.flight.now)
  }

  tell(news: News): void {
    this.end(this.exit(news))
  }

  private exit(news: News): Exit.Exit<Answer<any>, any> | undefined {
    const { engine, flight, plan } = this
    if (news._tag === "Stale") return Exit.succeed(ofStale(engine, news.stale, flight.now))
    if (news._tag !== "Landed") return undefined
    const { exit } = news
    if (Exit.isSuccess(exit)) return Exit.succeed(ofLanding(engine, exit.value, false, flight.now - this.began))
    if (Cause.hasInterruptsOnly(exit.cause)) return undefined
    return ofFailure(engine, plan, exit.cause, flight.besides, flight.now)
  }

  join(): void {
    const news = this.flight.join(this)
    if (news !== undefined) this.tell(news)
  }

  leave(): void {
    this.flight.leave(this)
  }
}

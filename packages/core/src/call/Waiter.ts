/**
 * One caller on its way through a miss. It joins the flight of its key, or starts it. It waits with a deadline and a
 * signal of its own, and takes the answers that its policy allows.
 *
 * A thousand callers may wait for one load, and each hit of a remote store starts a flight. So a waiter is one small
 * object and needs no fiber. `docs/decisions/one-waiter.md` gives the costs and savings.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Aborted, type CacheLockingError, ReentrantLoad, WaitTimeout } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import { withinOf } from "../flight/AsyncContext.ts"
import { CrossRequestWaiter } from "../flight/CrossRequestWaiter.ts"
import type { StaleValue } from "../flight/Fetcher.ts"
import { type Flight, Within } from "../flight/Flight.ts"
import type { FlightGroup } from "../flight/FlightGroup.ts"
import { leased, unleased } from "../flight/FlightStart.ts"
import type { FlightEvent, FlightWaiter } from "../flight/FlightWaiter.ts"
import type { LoadRequest } from "../flight/LoadRequest.ts"
import type { Answer } from "../options/Answer.ts"
import * as Policy from "../options/Policy.ts"
import { mayDiffer, type RequestScope } from "../options/RequestScope.ts"
import * as Hit from "./Hit.ts"
import { closedError } from "./Preconditions.ts"
import { listen, type SignalCaller, unlisten } from "./SignalListener.ts"
import { allows, type Conclusion, hooked, ofStale, verdictOf } from "./Verdict.ts"

/** The answer of a call. An `Exit`, unless a hook has to run first. */
export type Answering = Effect.Effect<Answer<unknown>, unknown>

export const isExit = (answer: Answering): answer is Exit.Exit<Answer<unknown>, unknown> => Exit.isExit(answer)

/** State that few waiters have, apart from the rest so that a plain waiter stays small. */
interface RareState {
  /** The flight whose fetcher made the call. */
  within?: Flight | undefined
  /** Stands in for the waiter at a flight of another request. */
  proxy?: CrossRequestWaiter | undefined
  /** Runs `onFollowerWait`. The exit is held back until it is done. */
  hook?: Fiber.Fiber<unknown, unknown> | undefined
  heldBack?: Exit.Exit<Answer<unknown>, unknown> | undefined
  followed?: true
  /** Set when another's load took longer than `waitMax`. */
  isFallback?: true
}

/** Subclasses decide how the caller receives its answer. */
export abstract class Waiter implements FlightWaiter, SignalCaller {
  private request!: LoadRequest
  /** Holds what the fetcher and the hooks need. */
  private context!: Context.Context<never>
  private flight: Flight | undefined
  private rare: RareState | undefined
  isInitiator = false
  /** Not a number before the first flight. See `Monotonic`. */
  startedAt = Number.NaN

  /** Receives the answer, once. */
  abstract answer(answer: Answering): void

  /** Takes a step in the context of the call. Events come from timers, and from the flights of other callers. */
  protected abstract inContext(step: () => void): void

  /** Called when another caller or process loads. */
  protected onOthersLoad(): void {}

  /** Answers with a hit in this process, or begins to wait. */
  begin(request: LoadRequest, context: Context.Context<never>, within: Flight | undefined): void {
    const hit = Hit.ofCall(request, context)
    if (hit === undefined) this.wait(request, context, within)
    else {
      this.prepare(request, context, within)
      this.settle(Exit.succeed(hit))
    }
  }

  /** Begins to wait. The caller has already looked for a hit. */
  wait(request: LoadRequest, context: Context.Context<never>, within: Flight | undefined): void {
    this.prepare(request, context, within)
    const { signal } = request.plan
    if (signal !== undefined) listen(signal, this)
    if (signal?.aborted) this.fail(aborted(request))
    else this.join()
  }

  private prepare(request: LoadRequest, context: Context.Context<never>, within: Flight | undefined): void {
    this.request = request
    this.context = context
    if (within !== undefined) this.rare = { within }
  }

  /** Called when the signal fires. */
  aborted(): void {
    if (this.rare?.heldBack === undefined) this.fail(aborted(this.request))
  }

  private get group(): FlightGroup {
    const { engine, plan } = this.request
    const { fallbacks, flights, refreshes } = engine.groups
    return this.isFallback ? fallbacks : plan.force ? refreshes : flights
  }

  private join(): void {
    const { context, request } = this
    if (request.engine.ended) {
      this.settle(Exit.fail(closedError(request.engine, request.key)))
      return
    }
    const within = this.rare?.within
    const found = this.group.get(request.key)
    const current = found === undefined || this.mayJoin(found) ? found : undefined
    if (current !== undefined && within !== undefined && current.awaits(within)) {
      this.fail(reentrant(request))
      return
    }
    const load = current === undefined ? (this.isFallback ? unleased : leased)(request, context) : undefined
    const flight = current ?? load!.flight
    this.flight = flight
    this.isInitiator = load !== undefined
    if (Number.isNaN(this.startedAt)) this.startedAt = load === undefined ? flight.now : flight.startedAt
    within?.waits(flight, 1)
    if (load === undefined && mayDiffer(flight.scope, this.scope)) {
      const proxy = new CrossRequestWaiter(this, flight)
      this.rare = { ...this.rare, proxy }
      proxy.join()
      return
    }
    flight.join(this)
    load?.start()
  }

  /**
   * True for a load whose value may be this caller's answer. A load without a lease has no heartbeat, so no waiter
   * could know that its request was cut off. It also learns of no invalidation, so it must not be older than a load
   * under a lease can be without a renewal.
   */
  private mayJoin(flight: Flight): boolean {
    const since = flight.unleasedSince
    if (since === undefined) return true
    if (mayDiffer(flight.scope, this.scope)) return false
    const at = Number.isNaN(this.startedAt) ? flight.now : this.startedAt
    return at - since <= this.request.plan.policy.leaseTtl / 3
  }

  private leaveFlight(): void {
    const { flight } = this
    if (flight === undefined) return
    if (this.rare?.proxy === undefined) flight.leave(this)
    this.forget(flight)
  }

  /** Drops a flight that this waiter has left. */
  private forget(flight: Flight): void {
    this.flight = undefined
    const { rare } = this
    if (rare === undefined) return
    rare.proxy?.leave()
    rare.proxy = undefined
    rare.within?.waits(flight, -1)
  }

  /** Stops waiting. Safe to repeat. */
  leave(): void {
    this.leaveFlight()
    const { signal } = this.request.plan
    if (signal !== undefined) unlisten(signal, this)
    this.rare?.hook?.interruptUnsafe()
  }

  /** Stops waiting, and returns when a hook that runs has ended. */
  get interrupt(): Effect.Effect<unknown> {
    return Effect.suspend(() => {
      const hook = this.rare?.hook
      this.leave()
      return hook === undefined ? Effect.void : Fiber.await(hook)
    })
  }

  get isFallback(): boolean {
    return this.rare?.isFallback === true
  }

  get scope(): RequestScope {
    return this.request.plan.scope
  }

  get owner(): object {
    return this.request.engine
  }

  get deadline(): number {
    return this.isFallback ? Infinity : this.startedAt + this.request.plan.policy.waitMax
  }

  get timesOutWhileLoading(): boolean {
    return !this.isInitiator && !this.isFallback && this.request.plan.policy.onWaitTimeout !== "fetch"
  }

  get softDeadline(): number {
    return this.isFallback ? Infinity : this.startedAt + this.request.plan.policy.softTimeout
  }

  get inOtherRequest(): boolean {
    return false
  }

  takes(stale: StaleValue<unknown>): boolean {
    if (this.isFallback || this.request.plan.force) return false
    const now = this.flight!.now
    return allows(this.request.plan.policy, stale, now >= this.softDeadline, now)
  }

  notify(event: FlightEvent): void {
    if (event._tag === "Joined") this.onOthersLoad()
    else if (event._tag === "Following") this.follow()
    else this.conclude(event)
  }

  private conclude(event: Conclusion): void {
    const { request } = this
    const flight = this.flight!
    const verdict = verdictOf(request, flight, this, event)
    this.forget(flight)
    if (verdict === "again") this.inContext(() => this.join())
    else if (verdict === "late") this.inContext(() => this.timeOut(flight))
    else if (Policy.followsHits(request.plan.policy)) {
      this.inContext(() => {
        this.afterHit(event)
        this.settle(verdict)
      })
    } else this.settle(verdict)
  }

  private afterHit(event: Conclusion): void {
    const result = event._tag === "Settled" && Exit.isSuccess(event.exit) ? event.exit.value : undefined
    if (result?._tag === "Found") Hit.afterHit(this.request, this.context, result.cost, result)
  }

  private follow(): void {
    this.onOthersLoad()
    const { rare, request } = this
    const { engine, key, plan } = request
    const within = rare?.within
    // This call may wait for a forced refresh of this process that itself waits for this call.
    if (within !== undefined && engine.groups.refreshes.get(key)?.awaits(within)) {
      this.fail(reentrant(request))
      return
    }
    const hook = plan.hooks?.onFollowerWait
    if (hook === undefined || rare?.followed) return
    const { waitMax } = plan.policy
    const hooked = Effect.suspend(() => Check.effect("hooks.onFollowerWait", hook({ key, waitMax })))
    this.inContext(() => this.runFollowerWait(hooked))
  }

  private runFollowerWait(hooked: Effect.Effect<unknown, unknown>): void {
    const fiber = this.run(hooked)
    const running: RareState = { ...this.rare, hook: fiber, followed: true }
    this.rare = running
    fiber.addObserver((exit) => {
      running.hook = undefined
      if (Exit.isFailure(exit)) this.settle(Exit.failCause(exit.cause))
      else if (running.heldBack !== undefined) this.settle(running.heldBack)
    })
  }

  /** Runs an effect of the caller's. */
  protected run<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    const { context } = this
    const within = this.rare?.within
    return Effect.runForkWith(within === undefined ? context : Context.add(context, Within, within))(effect)
  }

  /** Does what the policy says when `waitMax` is over. */
  private timeOut({ now, staleValue }: Flight): void {
    const { engine, plan } = this.request
    const { onWaitTimeout } = plan.policy
    if (onWaitTimeout === "fetch") {
      this.rare = { ...this.rare, isFallback: true }
      this.join()
    } else if (onWaitTimeout === "stale" && staleValue !== undefined && allows(plan.policy, staleValue, true, now)) {
      this.settle(Exit.succeed(ofStale(engine, staleValue, now)))
    } else this.fail(timedOut(this.request, now - this.startedAt))
  }

  private fail(error: CacheLockingError): void {
    this.settle(Exit.fail(this.request.engine.counters.erred(error)))
  }

  private settle(exit: Exit.Exit<Answer<unknown>, unknown>): void {
    if (this.rare?.hook !== undefined) {
      this.leaveFlight()
      this.rare.heldBack ??= exit
      return
    }
    this.leave()
    const { key, plan } = this.request
    this.answer(Exit.isSuccess(exit) ? hooked(plan.hooks, key, exit.value) : exit)
  }
}

/** A caller that is a fiber, which keeps its context while it waits. */
class FiberWaiter extends Waiter {
  private resume!: (answer: Answering) => void
  private suspended = false

  answer(answer: Answering): void {
    this.resume(answer)
  }

  /** The fiber itself takes the step, and waits on. */
  protected inContext(step: () => void): void {
    if (this.suspended) this.resume(this.after(step))
    else step()
  }

  /** Takes a step in the fiber, and waits for the answer. */
  after(step: () => void): Answering {
    return Effect.callback((resume) => {
      this.resume = resume
      this.suspended = false
      step()
      this.suspended = true
      return this.interrupt
    })
  }
}

/** Answers from this process, or waits in the caller's fiber. */
export const answerInFiber = (request: LoadRequest, context: Context.Context<never>): Answering => {
  const hit = Hit.ofCall(request, context)
  if (hit !== undefined) return hooked(request.plan.hooks, request.key, hit)
  return Effect.suspend(() => {
    const waiter = new FiberWaiter()
    return waiter.after(() => waiter.wait(request, context, withinOf(context)))
  })
}

/** The reason of a signal, which may be of a class of the user's. */
const reasonOf = (signal: AbortSignal | undefined): unknown => {
  try {
    const reason: unknown = signal?.reason
    Check.silence(reason)
    return reason
  } catch (error) {
    return error
  }
}

const aborted = ({ engine, key, plan }: LoadRequest): Aborted =>
  new Aborted({
    context: { key, phase: "wait", adapter: engine.adapter.name },
    message: "the caller's signal was aborted",
    cause: reasonOf(plan.signal)
  })

const timedOut = ({ engine, key }: LoadRequest, waited: number): WaitTimeout =>
  new WaitTimeout({
    context: { key, phase: "wait", adapter: engine.adapter.name },
    message: `another's load took longer than waitMax; waited ${waited} ms`,
    waited
  })

const reentrant = ({ engine, key }: LoadRequest): ReentrantLoad =>
  new ReentrantLoad({
    context: { key, phase: "fetch", adapter: engine.adapter.name },
    message: "a fetcher asks for a key whose load waits for this fetcher"
  })

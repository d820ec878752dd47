/**
 * The health of a store as this process sees it: a circuit breaker (Michael Nygard, "Release It!", 2007) that tells a
 * store that is lost from one that is slow, busy, or refuses one key.
 *
 * A store is *down* after three failed moments in a row, or after one request that had no answer for a second while
 * nothing else was answered either. All failures of requests that were under way together are one moment. From then on
 * requests fail at once, and one probe at a time asks for the store. Its first answer lets requests pass again. They are
 * on trial: the store is up when one of them is answered, and down again when one fails.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { AdapterError, isAdapterError, type Operation } from "../contract/Adapter.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import type { StoreChange } from "../options/Answer.ts"

/** The failed moments in a row after which a store is down. */
const mostFailures = 3

/** Milliseconds without an answer to anything after which a store is down. */
const longestSilence = 1_000

/** The pauses between probes, in milliseconds. They double, and half of each is random. */
const firstPause = 50
const longestPause = 500

/** Milliseconds after which another probe begins although one has no answer yet: it may have been lost on its way. */
const probeLostAfter = 450

/** Milliseconds without a request after which nobody asks for the store any more. The next request then asks itself. */
const idleAfter = 30_000

/** Asks the store for anything at all. */
export type Probe = Effect.Effect<unknown, AdapterError>

/** The health of one part of a store: of all of it, or of one node. */
export class Health {
  /** Grows with every moment in which requests failed. A request keeps the number of its beginning. */
  moment = 0
  /** Grows with every answer. A request keeps the number of its beginning. */
  answers = 0
  private failures = 0
  private state: "up" | "down" | "trial" = "up"
  private downSince = 0
  private cause: AdapterError | undefined
  private pause = 0
  private askedAt = 0
  /** When the next request may pass, where nothing may run in the background. */
  private retryAt = 0
  private probing: Fiber.Fiber<void> | undefined
  /** The probes without an answer. */
  private readonly probes = new Set<Fiber.Fiber<void>>()
  private readonly adapter: string
  private readonly part: string | undefined
  private readonly background: () => boolean
  private readonly told: (change: StoreChange) => void

  /**
   * @param background answers true when probes may run in the background
   * @param told receives each change
   */
  constructor(
    adapter: string,
    part: string | undefined,
    background: () => boolean,
    told: (change: StoreChange) => void
  ) {
    this.adapter = adapter
    this.part = part
    this.background = background
    this.told = told
  }

  /** True while requests fail at once, or are on trial. */
  get isDown(): boolean {
    return this.state !== "up"
  }

  /** True while the store is asked again and again. */
  get isAsked(): boolean {
    return this.probing !== undefined
  }

  /** Milliseconds since the store is down; 0 while it is up. */
  downFor(clock: Clock.Clock): number {
    return this.state === "up" ? 0 : Monotonic.now(clock) - this.downSince
  }

  /** Lets a request pass, or returns its failure. */
  admit(operation: Operation, key: string | undefined, clock: Clock.Clock): AdapterError | undefined {
    if (this.state !== "down") return undefined
    const now = Monotonic.now(clock)
    this.askedAt = now
    if (this.probing === undefined && now >= this.retryAt) {
      // The others fail meanwhile.
      this.retryAt = now + probeLostAfter
      return undefined
    }
    const { message = "" } = this.cause ?? {}
    return new AdapterError({
      adapter: this.adapter,
      operation,
      key,
      reason: "Unavailable",
      message: `the store has been down for ${Math.round(now - this.downSince)} ms: ${message}`,
      cause: this.cause?.cause,
      unsent: true
    })
  }

  /** Notes that a request was answered. Returns the work that this causes. */
  answered(): Effect.Effect<void> | undefined {
    this.answers++
    this.failures = 0
    return this.state === "up" ? undefined : this.recover
  }

  /**
   * Notes that a request failed. Returns the work that this causes.
   *
   * @param answers the number of answers when it began
   * @param moment the moment when it began
   */
  failed(
    cause: Cause.Cause<AdapterError>,
    answers: number,
    moment: number,
    probe: () => Probe
  ): Effect.Effect<void> | undefined {
    const error = failureOf(cause)
    if (error === undefined || !error.retryable || error.unsent === true) return undefined
    if (hasAnswered(error)) return this.answered()
    // It failed together with others, which counted.
    if (moment !== this.moment) return undefined
    this.moment++
    this.failures++
    const isSilent = !isMany(error) && (error.unanswered ?? 0) >= longestSilence && answers === this.answers
    const isDown = isSilent || this.state !== "up" || this.failures >= mostFailures
    // While probes ask, a request from before tells nothing new.
    if (!isDown || this.probing !== undefined) return undefined
    return Effect.withFiber(({ context }) => this.goDown(error, probe(), context))
  }

  /** Asks for the store no more. The next request asks itself. */
  stop(): void {
    this.probing?.interruptUnsafe()
    this.probing = undefined
    for (const probe of this.probes) probe.interruptUnsafe()
    this.probes.clear()
    this.retryAt = 0
  }

  /** Lets requests pass on trial. */
  tryRequests(): void {
    if (this.state !== "down") return
    this.state = "trial"
    this.stop()
  }

  private get name(): string {
    return this.part === undefined
      ? `the store of ${this.adapter}`
      : `the part ${this.part} of the store of ${this.adapter}`
  }

  private readonly recover: Effect.Effect<void> = Effect.clockWith((clock) => {
    if (this.state === "up") return Effect.void
    this.state = "up"
    this.pause = 0
    this.cause = undefined
    this.stop()
    const downFor = Math.round(Monotonic.now(clock) - this.downSince)
    this.told({ adapter: this.adapter, part: this.part, state: "up", downFor })
    return Effect.logInfo(`cache-locking: ${this.name} answers again, after ${downFor} ms`)
  })

  private goDown(error: AdapterError, probe: Probe, context: Context.Context<never>): Effect.Effect<void> {
    const clock = Context.get(context, Clock.Clock)
    const now = Monotonic.now(clock)
    const isNew = this.state === "up"
    this.state = "down"
    this.cause = error
    this.askedAt = now
    this.pause = Math.min(Math.max(firstPause, 2 * this.pause), longestPause)
    this.stop()
    this.retryAt = now + this.pause
    if (this.background()) this.probing = Effect.runForkWith(context)(this.askAgain(probe, context))
    if (!isNew) return Effect.void
    this.downSince = now
    this.told({ adapter: this.adapter, part: this.part, state: "down", cause: error })
    return Effect.logWarning(
      `cache-locking: ${this.name} is down; calls fail at once until it answers: ${error.message}`
    )
  }

  private readonly askAgain = Effect.fnUntraced(function* (
    this: Health,
    probe: Probe,
    context: Context.Context<never>
  ) {
    const clock = Context.get(context, Clock.Clock)
    const asked = Effect.matchCause(probe, {
      onSuccess: () => this.tryRequests(),
      onFailure: (cause) => {
        const error = failureOf(cause)
        // A refusal is an answer, too.
        if (error !== undefined && (!error.retryable || hasAnswered(error))) this.tryRequests()
      }
    })
    while (Monotonic.now(clock) - this.askedAt <= idleAfter) {
      yield* Monotonic.pause(clock, Math.ceil(this.pause * (0.5 + (yield* Random.next) / 2)))
      const fiber = Effect.runForkWith(context)(asked)
      this.probes.add(fiber)
      fiber.addObserver(() => this.probes.delete(fiber))
      yield* Effect.raceFirst(Fiber.await(fiber), Monotonic.pause(clock, probeLostAfter))
      this.pause = Math.min(2 * this.pause, longestPause)
    }
    this.tryRequests()
  })
}

/** True for a batch: it may be many requests, of which some were answered. */
const isMany = ({ operation }: AdapterError): boolean => operation === "acquireMany" || operation === "deleteMany"

/** True when the store can be reached. One that asks for a pause has answered, too. */
const hasAnswered = ({ answered, retryAfter }: AdapterError): boolean => answered === true || retryAfter !== undefined

/** The failure of the adapter in a cause; `undefined` for an interruption and for a defect. */
const failureOf = (cause: Cause.Cause<AdapterError>): AdapterError | undefined => {
  for (const reason of cause.reasons)
    if (Cause.isFailReason(reason) && isAdapterError(reason.error)) return reason.error
  return undefined
}

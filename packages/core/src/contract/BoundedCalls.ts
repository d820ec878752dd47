/**
 * Calls to a client. Each is bounded in time (law 14) and has a typed failure. None leaves a timer, a listener or a
 * rejection behind.
 */
import * as Effect from "effect/Effect"
import type { AdapterError, Operation } from "./Adapter.ts"
import { longestTimer } from "./Check.ts"
import type { Failures } from "./Failures.ts"
import * as Monotonic from "./Monotonic.ts"

/** The settings of one adapter's calls. */
export interface Settings {
  readonly failures: Failures
  /** Milliseconds that a call may take, including the wait for the client. */
  readonly timeout: number
  /**
   * `"shared"` is one timer for all calls. `"own"` is one for each: for Workers, where a timer ends
   * with the request that made it, and for calls that get more time than others (see `expect`). Default `"shared"`.
   */
  readonly timers?: "shared" | "own" | undefined
  /**
   * Calls `start` as soon as the client can take a call, or `fail` when it cannot, so that nothing waits in the
   * client's own queue and is carried out long after its caller has gone. Returns a function that gives up waiting.
   */
  readonly whenReady?: ((start: () => void, fail: (error: unknown) => void) => (() => void) | undefined) | undefined
  /** Receives each error of the client. */
  readonly onError?: ((error: unknown) => void) | undefined
  /**
   * Receives each error of the client next. Answers true when nothing was done and the call should be sent again at
   * once.
   */
  readonly repeats?: ((error: unknown) => boolean) | undefined
  /** Receives the failure of each call that had no answer in time, unless the call has a listener of its own. */
  readonly onTimeout?: ((failure: AdapterError) => void) | undefined
}

/** A connection that is slower than this counts as lost. */
const bytesPerMillisecond = 1_024

/** A timer that is later than this, in milliseconds, tells of a process that was paused or blocked. */
const longestNap = 500

const givenUp = new Error("given up")

/** A call that has no answer yet. */
interface Pending {
  /** By `performance.now()`. */
  readonly deadline: number
  /** Called once when the deadline is over and no answer has come. */
  readonly expire: () => void
}

/** Runs a function after everything that has arrived is read, where the platform has such a moment. */
const afterReading = (f: () => void): unknown =>
  typeof setImmediate === "function" ? setImmediate(f) : setTimeout(f, 0)

/**
 * One timer for calls that all have the same time, so that the first to begin is the first to be late. A timer for each
 * call would be a good part of the cost of a hit. Not for Workers, where a timer ends with the request that made it.
 */
export class Deadlines {
  private readonly pending = new Set<Pending>()
  private timer: unknown

  add(call: Pending): void {
    this.pending.add(call)
    this.timer ??= this.arm(call)
  }

  remove(call: Pending): void {
    this.pending.delete(call)
  }

  /** Leaves no timer behind, unless a call still waits. */
  close(): void {
    if (this.pending.size > 0) return
    clearTimeout(this.timer as number)
    this.timer = undefined
  }

  private arm(first: Pending): unknown {
    const timer: unknown = setTimeout(this.look, Math.max(1, first.deadline - performance.now()))
    // A pending call has a connection that keeps the process alive. Its bound need not.
    Monotonic.keepAlive(timer, false)
    return timer
  }

  /** A process that was busy for that long may have answers that it has not read yet. They come first. */
  private readonly look = (): void => {
    afterReading(this.sweep)
  }

  private readonly sweep = (): void => {
    this.timer = undefined
    const now = performance.now()
    const late: Array<Pending> = []
    for (const call of this.pending) {
      if (call.deadline > now) {
        this.timer = this.arm(call)
        break
      }
      this.pending.delete(call)
      late.push(call)
    }
    for (const call of late) call.expire()
  }
}

/** A call under way, as its sender sees it. */
export interface Running {
  /** True once nobody waits for the answer any more. */
  readonly over: boolean
  /** Aborted when the call is given up. */
  readonly signal: AbortSignal
  /** Begins the call's time anew, longer by the time that this many bytes need. For calls with a timer of their own. */
  expect(bytes: number): void
}

/** A call under way. It ends once: by its answer, its failure, its time, or because its caller leaves. */
export class BoundedCall<A> implements Pending, Running {
  over = false
  /** Called when there was no answer in time. */
  onTimeout: ((failure: AdapterError) => void) | undefined
  /** By `performance.now()`. */
  deadline: number
  private readonly calls: Calls
  private readonly operation: Operation
  private readonly key: string | undefined
  private readonly resume: (result: Effect.Effect<A, AdapterError>) => void
  /** Stops waiting for a client that cannot take the call yet. */
  private withdraw: (() => void) | undefined = undefined
  private controller: AbortController | undefined = undefined

  constructor(
    calls: Calls,
    operation: Operation,
    key: string | undefined,
    resume: (result: Effect.Effect<A, AdapterError>) => void
  ) {
    this.calls = calls
    this.operation = operation
    this.key = key
    this.resume = resume
    this.onTimeout = calls.settings.onTimeout
    this.deadline = performance.now() + calls.settings.timeout
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController()
    return this.controller.signal
  }

  /** All calls of a shared timer have the same time. */
  expect(_bytes: number): void {}

  end(result: Effect.Effect<A, AdapterError>): void {
    if (this.over) return
    this.stop()
    this.resume(result)
  }

  /** Ends the call by an error of the client. */
  fail(error: unknown): void {
    if (!this.over) this.end(Effect.fail(this.calls.settings.failures.of(this.operation, this.key, error)))
  }

  expire(): void {
    if (this.over) return
    const { failures } = this.calls.settings
    const wasAwake = performance.now() - this.deadline < longestNap
    const failure = failures.silent(this.operation, this.key, this.bound, wasAwake)
    this.giveUp()
    this.onTimeout?.(failure)
    this.resume(Effect.fail(failure))
  }

  /**
   * Sends the call with `start`, at once or when the client is ready. Returns the effect that gives it up if its caller
   * leaves.
   */
  begin(start: () => void, refuse?: (error: unknown) => void): Effect.Effect<void> | undefined {
    const { whenReady } = this.calls.settings
    this.arm()
    if (whenReady === undefined) start()
    else this.withdraw = whenReady(start, refuse ?? ((error) => this.fail(error)))
    // Otherwise a late answer does no harm: it is ignored.
    const canBeGivenUp = this.withdraw !== undefined || this.controller !== undefined || this.calls.endsWithCaller
    return canBeGivenUp ? Effect.sync(() => this.giveUp()) : undefined
  }

  protected get bound(): number {
    return this.calls.settings.timeout
  }

  protected arm(): void {
    this.calls.deadlines.add(this)
  }

  protected disarm(): void {
    this.calls.deadlines.remove(this)
  }

  private stop(): void {
    this.over = true
    this.disarm()
  }

  private giveUp(): void {
    this.stop()
    this.withdraw?.()
    this.controller?.abort(givenUp)
  }
}

/** A call with a timer of its own. */
class OwnTimerCall<A> extends BoundedCall<A> {
  private extra = 0
  private timer: ReturnType<typeof setTimeout> | undefined = undefined

  override expect(bytes: number): void {
    if (this.over) return
    this.extra = Math.ceil(bytes / bytesPerMillisecond)
    this.deadline = performance.now() + this.bound
    this.arm()
  }

  protected override get bound(): number {
    return super.bound + this.extra
  }

  protected override arm(): void {
    this.disarm()
    this.timer = setTimeout(() => this.expire(), Math.min(this.bound, longestTimer))
  }

  protected override disarm(): void {
    clearTimeout(this.timer)
  }
}

/** The calls of one adapter over one client. */
export class Calls {
  readonly settings: Settings
  readonly deadlines: Deadlines = new Deadlines()
  /** True when a call whose caller leaves has a timer to be stopped, or might be sent again. */
  readonly endsWithCaller: boolean
  private readonly Call: typeof BoundedCall

  constructor(settings: Settings) {
    this.settings = settings
    this.Call = settings.timers === "own" ? OwnTimerCall : BoundedCall
    this.endsWithCaller = settings.timers === "own" || settings.repeats !== undefined
  }

  /** Leaves no timer behind, unless a call still waits for its answer. Calls may begin again afterwards. */
  close(): void {
    this.deadlines.close()
  }

  /**
   * Sends a request that the client answers with a promise, and goes on with the reply.
   *
   * @param answer turns the reply into the answer; `undefined` when nothing was done and the call is to be sent again
   */
  run<A>(
    operation: Operation,
    key: string | undefined,
    send: (call: Running) => Promise<A>
  ): Effect.Effect<A, AdapterError>
  run<A, B>(
    operation: Operation,
    key: string | undefined,
    send: (call: Running) => Promise<A>,
    answer: (reply: A) => Effect.Effect<B, AdapterError> | undefined
  ): Effect.Effect<B, AdapterError>
  run<B>(
    operation: Operation,
    key: string | undefined,
    send: (call: Running) => Promise<any>,
    answer: (reply: any) => Effect.Effect<B, AdapterError> | undefined = Effect.succeed
  ): Effect.Effect<B, AdapterError> {
    return Effect.callback((resume) => {
      const call = new this.Call<B>(this, operation, key, resume)
      const start = () => {
        if (call.over) return
        try {
          send(call).then(succeed, refuse)
        } catch (error) {
          call.fail(error)
        }
      }
      const succeed = (reply: unknown) => {
        try {
          // A late reply is read all the same, because the adapter may learn from it.
          const result = answer(reply)
          if (result === undefined) start()
          else call.end(result)
        } catch (error) {
          call.fail(error)
        }
      }
      const refuse = (error: unknown) => {
        this.settings.onError?.(error)
        if (this.settings.repeats?.(error) === true) start()
        else call.fail(error)
      }
      return call.begin(start, refuse)
    })
  }

  /** Begins a call to a client that calls back. `start` makes the client end the call, or fail it. */
  begin<A>(
    operation: Operation,
    key: string | undefined,
    start: (call: BoundedCall<A>) => void
  ): Effect.Effect<A, AdapterError> {
    return Effect.callback((resume) => {
      const call = new this.Call<A>(this, operation, key, resume)
      return call.begin(() => start(call))
    })
  }
}

/**
 * The calls of one adapter over one client.
 *
 * @example
 * ```ts
 * import { type AdapterError, BoundedCalls, Failures } from "@cache-locking/core"
 * import type * as Effect from "effect/Effect"
 *
 * const failures = Failures.make({ adapter: "my-store", verdict: () => "passes" })
 * const calls = BoundedCalls.make({ failures, timeout: 2_000 })
 * const get = (url: string): Effect.Effect<string, AdapterError> =>
 *   calls.run("read", undefined, async ({ signal }) => (await fetch(url, { signal })).text())
 * ```
 */
export const make = (settings: Settings): Calls => new Calls(settings)

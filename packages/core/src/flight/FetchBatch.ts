/**
 * One fetch for many keys. The loads of a batch wait until it is decided which keys must be fetched, and then share one
 * call of `fetchMany`.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { InvalidOption } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import * as Identity from "../contract/Identity.ts"
import * as AsyncContext from "./AsyncContext.ts"
import type { BackgroundQueue } from "./Engine.ts"

/** Loads the values of keys. Keys that have no value are left out. */
export type FetchMany<A, E, R> = (
  keys: ReadonlyArray<string>
) => Effect.Effect<Iterable<readonly [key: string, value: A]>, E, R>

/**
 * The error of a load for whose key a batch gave no value. It fails no caller, and is no answer for others that joined
 * the load.
 */
const missing = { _tag: "MISSING" } as const

/** True when a load ended because its batch had no value for it. It reads nothing of a user's error. */
export const isMissing = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error === missing)

const accepted = "a Map, or an iterable of [key, value] pairs (of an object: Object.entries(it))"

/** Describes what is wrong with one item of an answer; `undefined` for a pair. */
const problem = (item: unknown): string | undefined => {
  if (!Array.isArray(item)) return Check.kindOf(item)
  if (item.length < 2) return `an array of ${item.length}`
  return typeof item[0] === "string" ? undefined : `a pair whose key is ${Check.kindOf(item[0])}`
}

/** The pairs of a user's answer, which may be anything, and may throw when it is touched. */
const pairsOf = (answer: unknown): Effect.Effect<ReadonlyMap<string, unknown>, InvalidOption> => {
  const refuse = (what: string, cause?: unknown) => Effect.fail(Check.wrongAnswer("fetchMany", what, accepted, cause))
  const kind = Check.kindOf(answer)
  try {
    Check.silence(answer)
    const iterable = answer as Iterable<unknown> | null | undefined
    if (typeof answer !== "object" || typeof iterable?.[Symbol.iterator] !== "function") return refuse(kind)
    const values = new Map<string, unknown>()
    let at = 0
    for (const item of iterable) {
      const wrong = problem(item)
      if (wrong !== undefined) return refuse(`${kind} whose item ${at} is ${wrong}`)
      const [key, value] = item as [string, unknown]
      Check.silence(value)
      values.set(key, value)
      at++
    }
    return Effect.succeed(values)
  } catch (cause) {
    return refuse(`${kind} that threw while it was read`, cause)
  }
}

type Loading = Deferred.Deferred<unknown, unknown>

/** The loads of one caller's keys. */
export class FetchBatch {
  /** The keys that may still have to be fetched. */
  private readonly undecided: Set<string>
  /** The keys whose loads this caller began. */
  private readonly begun = new Set<string>()
  private scheduled = false
  /** The loads of each key that wait for the next fetch: a flight that others keep, and the one beside it, are two. */
  private wanted = new Map<string, Set<Loading>>()
  private readonly fetches = new Map<Loading, { left: number; fiber: Fiber.Fiber<unknown, unknown> }>()
  private readonly fetchMany: FetchMany<unknown, unknown, never>
  private readonly context: Context.Context<never>
  private readonly captured = AsyncContext.capture()
  private slotUsers = 0
  private readonly queued = new Map<string, () => void>()

  constructor(
    keys: ReadonlyArray<string>,
    fetchMany: FetchMany<unknown, unknown, never>,
    context: Context.Context<never>
  ) {
    this.undecided = new Set(keys)
    this.fetchMany = fetchMany
    this.context = context
  }

  /** Takes a step in the context of the caller. */
  inContext(step: () => void): void {
    AsyncContext.enter(this.captured, step)
  }

  /** Called when the load of a key begins. It will fetch, or be settled when it is over. */
  began(key: string): void {
    this.begun.add(key)
    this.undecided.add(key)
  }

  /** Called when the caller has its answer for a key. If that is a stale value, a load may go on in the background. */
  answered(key: string): void {
    if (!this.begun.has(key)) this.settle(key)
  }

  /** Called when a key is not to be fetched, or when its load is over. */
  settle(key: string): void {
    if (this.undecided.delete(key)) this.fetchSoon()
  }

  /** Fetches once all keys are decided. Loads of one turn of the event loop share one fetch. */
  private fetchSoon(): void {
    if (this.undecided.size > 0 || this.wanted.size === 0 || this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      if (this.undecided.size === 0) this.inContext(() => this.fetch())
    })
  }

  /** Loads a key: waits until all keys are decided, then for the fetch. */
  load(key: string): Effect.Effect<unknown, unknown> {
    return Effect.suspend(() => {
      const value: Loading = Deferred.makeUnsafe()
      Identity.getOrMake(this.wanted, key, () => new Set<Loading>()).add(value)
      this.undecided.delete(key)
      this.fetchSoon()
      return Effect.onInterrupt(Deferred.await(value), () => Effect.sync(() => this.giveUp(key, value)))
    })
  }

  /** Called when a load was ended. When all loads of a fetch were ended, the fetch is ended too. */
  private giveUp(key: string, value: Loading): void {
    const wanted = this.wanted.get(key)
    if (wanted?.delete(value) && wanted.size === 0) this.wanted.delete(key)
    const fetch = this.fetches.get(value)
    if (fetch !== undefined && --fetch.left === 0) fetch.fiber.interruptUnsafe()
  }

  private fetch(): void {
    const { wanted } = this
    if (wanted.size === 0) return
    this.wanted = new Map()
    const asked = Effect.flatMap(
      Effect.suspend(() => Check.effect("fetchMany", this.fetchMany([...wanted.keys()]))),
      pairsOf
    )
    // The caller's context holds what its function needs.
    const fiber = Effect.runForkWith(this.context)(asked)
    const loads = [...wanted].flatMap(([key, values]) => Array.from(values, (value) => ({ key, value })))
    const fetch = { left: loads.length, fiber }
    for (const { value } of loads) this.fetches.set(value, fetch)
    fiber.addObserver((exit) => {
      for (const { key, value } of loads) {
        this.fetches.delete(value)
        if (Exit.isFailure(exit)) Deferred.doneUnsafe(value, Exit.failCause(exit.cause))
        else if (exit.value.has(key)) Deferred.doneUnsafe(value, Exit.succeed(exit.value.get(key)))
        else Deferred.doneUnsafe(value, Exit.fail(missing))
      }
    })
  }

  /** Takes the one slot that all background loads of a batch share, because they are one fetch. */
  acquireSlot(queue: BackgroundQueue, key: string, later: () => void): boolean {
    if (this.slotUsers > 0 || queue.acquireSlot(this, () => this.beginQueued())) {
      this.slotUsers++
      return true
    }
    this.queued.set(key, later)
    return false
  }

  /** Begins all postponed loads together, now that there is a slot. */
  private beginQueued(): void {
    const begun = [...this.queued]
    this.queued.clear()
    this.slotUsers = begun.length
    for (const [key] of begun) this.undecided.add(key)
    for (const [, later] of begun) later()
  }

  /** Gives the slot back, after the last load. */
  releaseSlot(queue: BackgroundQueue): void {
    if (--this.slotUsers === 0) queue.releaseSlot()
  }
}

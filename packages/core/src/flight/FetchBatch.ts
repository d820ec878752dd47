/**
 * One fetch for many keys: the loads that this caller leads wait for each other, and are one call of its function.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { BackgroundQueue } from "./BackgroundQueue.ts"

/** Gives the values of keys, as far as there are any. */
export type FetchMany<A, E, R> = (
  keys: ReadonlyArray<string>
) => Effect.Effect<Iterable<readonly [key: string, value: A]>, E, R>

/** A batch gave no value for a key: nobody's failure, and no answer for others who joined the key's load. */
export class Missing extends Data.TaggedError("MISSING")<{}> {}

/** Whether a load ended because its batch had no value for it. */
export const isMissing = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error instanceof Missing)

/** The loads of one caller's keys. */
export class FetchBatch<A, E, R> {
  /** Keys of which it is not known yet whether they are to be fetched. */
  private readonly open: Set<string>
  /** Keys whose loads this caller began. */
  private readonly flown = new Set<string>()
  private soon = false
  private wanted = new Map<string, Deferred.Deferred<A, E | Missing>>()
  private readonly fetchMany: FetchMany<A, E, R>
  private readonly context: Context.Context<never>

  constructor(keys: ReadonlyArray<string>, fetchMany: FetchMany<A, E, R>, context: Context.Context<never>) {
    this.open = new Set(keys)
    this.fetchMany = fetchMany
    this.context = context
  }

  /** A load of a key begins: it will be loaded, or settled when that load is over. */
  began(key: string): void {
    this.flown.add(key)
    this.open.add(key)
  }

  /** The caller has its answer for a key. Of one that it had stale, a load may go on behind. */
  answered(key: string): void {
    if (!this.flown.has(key)) this.settle(key)
  }

  /** A key is not to be fetched, or its load is over. */
  settle(key: string): void {
    if (this.open.delete(key)) this.fetchSoon()
  }

  /** Once all keys are known; and what several loads ask for in one turn is one fetch. */
  private fetchSoon(): void {
    if (this.open.size > 0 || this.wanted.size === 0 || this.soon) return
    this.soon = true
    queueMicrotask(() => {
      this.soon = false
      if (this.open.size === 0) this.fetch()
    })
  }

  /** The load of a key: waits until all keys are known, then for the fetch of those that are to be fetched. */
  load(key: string): Effect.Effect<A, E | Missing> {
    return Effect.suspend(() => {
      const value = Deferred.makeUnsafe<A, E | Missing>()
      this.wanted.set(key, value)
      this.open.delete(key)
      this.fetchSoon()
      return Effect.onInterrupt(Deferred.await(value), () => Effect.sync(() => this.giveUp(key, value)))
    })
  }

  private readonly fetches = new Map<
    Deferred.Deferred<A, E | Missing>,
    { left: number; fiber: Fiber.Fiber<unknown, unknown> }
  >()

  /** A load was ended. When all of a fetch are, so is the fetch. */
  private giveUp(key: string, value: Deferred.Deferred<A, E | Missing>): void {
    if (this.wanted.get(key) === value) this.wanted.delete(key)
    const fetch = this.fetches.get(value)
    if (fetch !== undefined && --fetch.left === 0) fetch.fiber.interruptUnsafe()
  }

  private fetch(): void {
    const { wanted } = this
    if (wanted.size === 0) return
    this.wanted = new Map()
    const asked = Effect.suspend(() => this.fetchMany([...wanted.keys()]))
    // The context is the caller's, who has what its function needs.
    const fiber = Effect.runForkWith(this.context as Context.Context<any>)(asked)
    const fetch = { left: wanted.size, fiber }
    for (const value of wanted.values()) this.fetches.set(value, fetch)
    fiber.addObserver((exit) => {
      const values = Exit.isSuccess(exit) ? new Map(exit.value) : undefined
      for (const [key, value] of wanted) {
        this.fetches.delete(value)
        if (Exit.isFailure(exit)) Deferred.doneUnsafe(value, Exit.failCause(exit.cause))
        else if (values?.has(key)) Deferred.doneUnsafe(value, Exit.succeed(values.get(key) as A))
        else Deferred.doneUnsafe(value, Exit.fail(new Missing()))
      }
    })
  }

  private places = 0
  private readonly queued = new Map<string, () => void>()

  /** All background loads of a batch have one place together, for they are one fetch; see `Backlog.enter`. */
  acquireSlot(backlog: BackgroundQueue, key: string, later: () => void): boolean {
    if (this.places > 0 || backlog.acquireSlot(this, () => this.begin())) {
      this.places++
      return true
    }
    this.queued.set(key, later)
    return false
  }

  /** A place is free: all that was put off begins together. */
  private begin(): void {
    const begun = [...this.queued]
    this.queued.clear()
    this.places = begun.length
    for (const [key] of begun) this.open.add(key)
    for (const [, later] of begun) later()
  }

  /** The last one out gives the place back. */
  releaseSlot(backlog: BackgroundQueue): void {
    if (--this.places === 0) backlog.releaseSlot()
  }
}

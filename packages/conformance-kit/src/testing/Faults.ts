/**
 * An adapter whose network fails on request: for the kit's own cases, and for tests of code that uses an adapter.
 */
import { type Adapter, AdapterError, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"

/** A fault of one call. */
export type Fault =
  /** The verb never happens; the caller gets `Unavailable`. */
  | "lose-request"
  /** The verb happens; the caller gets `Unavailable`. */
  | "lose-reply"
  /** The verb happens twice, one after the other; the caller gets the first answer. */
  | "duplicate"
  /** The verb happens, and once more this many milliseconds later, in the background. */
  | { readonly duplicateAfter: number }
  /** The verb happens this many milliseconds later. */
  | { readonly delayRequest: number }
  /** The verb happens at once, and its answer comes this many milliseconds later. */
  | { readonly delayReply: number }

/** A call about to be made. */
export interface Call {
  readonly operation: Operation
  readonly key: string | undefined
  /** The number of earlier calls of this operation. */
  readonly earlier: number
}

const lost = (adapter: Adapter, call: Call, what: string): AdapterError =>
  new AdapterError({
    adapter: adapter.name,
    operation: call.operation,
    key: call.key,
    reason: "Unavailable",
    message: `the ${what} was lost, on purpose`
  })

const suffer = <A, R>(
  adapter: Adapter,
  call: Call,
  fault: Fault | undefined,
  verb: Effect.Effect<A, AdapterError, R>
): Effect.Effect<A, AdapterError, R> => {
  if (fault === undefined) return verb
  if (fault === "lose-request") return Effect.fail(lost(adapter, call, "request"))
  if (fault === "lose-reply") return Effect.andThen(verb, Effect.fail(lost(adapter, call, "reply")))
  if (fault === "duplicate") return Effect.tap(verb, () => Effect.ignore(verb))
  if ("duplicateAfter" in fault) {
    const copy = Effect.andThen(Effect.sleep(fault.duplicateAfter), Effect.ignore(verb))
    return Effect.tap(verb, () => Effect.forkDetach(copy))
  }
  return "delayRequest" in fault
    ? Effect.andThen(Effect.sleep(fault.delayRequest), verb)
    : Effect.tap(verb, () => Effect.sleep(fault.delayReply))
}

/** The adapter with faults: for every call, `choose` returns its fault, if any. */
export const withFaults = (adapter: Adapter, choose: (call: Call) => Fault | undefined): Adapter => {
  const counts = new Map<Operation, number>()
  const through = <A, R>(operation: Operation, key: string | undefined, verb: Effect.Effect<A, AdapterError, R>) =>
    Effect.suspend(() => {
      const earlier = counts.get(operation) ?? 0
      counts.set(operation, earlier + 1)
      const call: Call = { operation, key, earlier }
      return suffer(adapter, call, choose(call), verb)
    })
  const { acquireMany, changes, deleteMany, watch } = adapter
  return {
    ...adapter,
    acquire: (key, options) => through("acquire", key, adapter.acquire(key, options)),
    fill: (key, options) => through("fill", key, adapter.fill(key, options)),
    abandon: (key, options) => through("abandon", key, adapter.abandon(key, options)),
    renew: (key, options) => through("renew", key, adapter.renew(key, options)),
    delete: (key) => through("delete", key, adapter.delete(key)),
    put: (key, options) => through("put", key, adapter.put(key, options)),
    touch: (key, options) => through("touch", key, adapter.touch(key, options)),
    read: (key) => through("read", key, adapter.read(key)),
    watch: watch && ((key) => through("watch", key, watch(key))),
    changes: changes && ((listener) => through("changes", undefined, changes(listener))),
    acquireMany: acquireMany && ((keys, options) => through("acquireMany", undefined, acquireMany(keys, options))),
    deleteMany: deleteMany && ((keys) => through("deleteMany", undefined, deleteMany(keys)))
  }
}

/** An adapter whose next calls fail as a test says. */
export interface Scripted {
  readonly adapter: Adapter
  /** Sets the fault of the next call of this operation; several are used in turn. */
  readonly next: (operation: Operation, ...faults: ReadonlyArray<Fault>) => void
}

/** Wraps an adapter so that a test sets each fault just before it happens. */
export const scripted = (adapter: Adapter): Scripted => {
  const waiting = new Map<Operation, Array<Fault>>()
  return {
    adapter: withFaults(adapter, ({ operation }) => waiting.get(operation)?.shift()),
    next: (operation, ...faults) => {
      waiting.set(operation, [...(waiting.get(operation) ?? []), ...faults])
    }
  }
}

/** Loses replies at random: of every verb, this many of a hundred. */
export const losingReplies = (adapter: Adapter, percent: number, random: () => number = Math.random): Adapter =>
  withFaults(adapter, () => (random() * 100 < percent ? "lose-reply" : undefined))

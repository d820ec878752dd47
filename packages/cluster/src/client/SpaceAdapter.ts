/**
 * The contract over a namespace of the primary.
 */
import {
  type Acquired,
  type AcquireOptions,
  type AdapterError,
  type AdapterLimits,
  Limits,
  type ListingAdapter,
  type Operation,
  type Value
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { ownBytes } from "../wire/Compact.ts"
import { toAdapterError } from "./ClusterError.ts"
import type { Subscriber } from "./Link.ts"
import { pages } from "./Listing.ts"
import type { SpaceClient } from "./SpaceClient.ts"

const name = "cluster"

/** The limits of the adapter. `maxEntrySize` may lower the one for values. */
export const limits: AdapterLimits = { keyBytes: 65_536, valueBytes: 64 * 1024 * 1024, tick: 1, clock: "store" }

/**
 * The number of unanswered acquires that are remembered. Those that were cancelled before they were sent are never
 * answered.
 */
const maxUnanswered = 10_000

/** The adapter over a namespace whose values have at most `valueBytes`. */
export const over = (client: SpaceClient, valueBytes = limits.valueBytes): ListingAdapter => {
  const here = { name, limits: { ...limits, valueBytes } }
  /** One call, unless a key or the value is beyond the limits. */
  const call = <A>(
    operation: Operation,
    key: string | ReadonlyArray<string>,
    args: ReadonlyArray<unknown>,
    value?: Value,
    late?: (answer: A) => void
  ): Effect.Effect<A, AdapterError> => {
    const one = typeof key === "string"
    const refused = one ? Limits.refusal(here, operation, key, value) : Limits.refusalOfAny(here, operation, key)
    if (refused !== undefined) return Effect.fail(refused)
    return Effect.mapError(client.call<A>(operation, args, late), toAdapterError(operation, one ? key : undefined))
  }
  /** A subscription that ends with the scope. */
  const subscribe = (operation: Operation, key: string | undefined, args: ReadonlyArray<unknown>, to: Subscriber) =>
    Effect.acquireRelease(
      Effect.mapError(client.subscribe(operation, args, to), toAdapterError(operation, key)),
      (end) => Effect.sync(end)
    )

  /** The last unanswered `acquire` of an owner, by key and owner. */
  const unanswered = new Map<string, object>()

  /**
   * Acquires a key. Gives a lease back that is granted after its caller has left, unless the same owner has asked
   * again.
   */
  const acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    Effect.suspend(() => {
      const name = `${options.owner}\0${key}`
      const mark = {}
      unanswered.set(name, mark)
      if (unanswered.size > maxUnanswered) unanswered.delete(unanswered.keys().next().value!)
      const isLast = () => unanswered.get(name) === mark && unanswered.delete(name)
      const late = (answer: Acquired) => {
        if (isLast()) giveBack(key, answer)
      }
      return Effect.tap(call<Acquired>("acquire", key, [key, options], undefined, late), () => Effect.sync(isLast))
    })

  const giveBack = (key: string, answer: Acquired): void => {
    if (answer._tag === "Leader") Effect.runFork(Effect.ignore(client.call("abandon", [key, answer.token])))
  }

  return {
    ...here,
    identity: client.identity,
    acquire,
    acquireMany: (keys, options) =>
      call("acquireMany", keys, [keys, options], undefined, (answers: ReadonlyArray<Acquired>) => {
        for (const [i, answer] of answers.entries()) giveBack(keys[i]!, answer)
      }),
    fill: (key, { lifetime, token, value }) =>
      Effect.suspend(() => call("fill", key, [key, value && ownBytes(value.bytes), token, lifetime], value)),
    abandon: (key, { cause, cooldown, token }) =>
      Effect.suspend(() => call("abandon", key, [key, token, cooldown, cause && ownBytes(cause.bytes)])),
    renew: (key, { leaseFor, token }) => call("renew", key, [key, token, leaseFor]),
    delete: (key) => call("delete", key, [key]),
    deleteMany: (keys) => call("deleteMany", keys, [keys]),
    put: (key, { lifetime, value }) =>
      Effect.suspend(() => Effect.asVoid(call("put", key, [key, ownBytes(value.bytes), lifetime], value))),
    touch: (key, { freshFor }) => call("touch", key, [key, freshFor]),
    read: (key) => call("read", key, [key]),
    watch: (key) =>
      Effect.suspend(() => {
        const refused = Limits.refusal(here, "watch", key)
        if (refused !== undefined) return Effect.fail(refused)
        const latch = Latch.makeUnsafe()
        const wake = () => {
          latch.openUnsafe()
        }
        return Effect.as(subscribe("watch", key, [key], { changed: wake, lost: wake }), latch.await)
      }),
    changes: (listener) => Effect.asVoid(subscribe("changes", undefined, [], listener)),
    keys: (prefix) => Stream.mapError(pages<string>(client, prefix, "leased"), toAdapterError("keys", undefined)),
    close: Effect.sync(() => client.rest?.())
  }
}

/**
 * The adapter as the cache by itself needs it: reading is `get`, writing knows of sizes and of the namespace's own ttl, and
 * a load that was forced is joined.
 */
import type { Acquired, AcquireOptions, Adapter, AdapterError, Snapshot } from "@cache-locking/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ClusterAdapter from "../client/ClusterAdapter.ts"
import { type ClusterError, toAdapterError } from "../client/ClusterError.ts"
import type { SpaceClient } from "../client/SpaceClient.ts"
import type { Joined, Joining } from "../primary/Joining.ts"
import { bytesOf } from "../wire/Compact.ts"
import type { Found } from "./Reader.ts"

/** What one call reads or writes beside its value; it travels with the fiber, because core's verbs know nothing of it. */
export interface CallContext {
  readonly ttl?: number | undefined
  readonly size?: number | undefined
  readonly peek?: boolean | undefined
  /** What a read found, where the primary was asked already. */
  readonly found?: Found | undefined
  /** Only where nothing is; `refused` tells that something was. */
  readonly absent?: { refused: boolean } | undefined
}

export const CallContext = Context.Reference<CallContext>("@cache-locking/cluster/CallContext", {
  defaultValue: () => ({})
})

const nothing: Snapshot = { freshFor: 0, keptFor: 0, age: 0, took: 0 }

const snapshotOf = ([value, freshFor]: Found): Snapshot => ({
  ...nothing,
  value: { bytes: bytesOf(value) },
  freshFor,
  keptFor: freshFor
})

/** Core's own records (of tags, of beats) are none of the user's values. */
const reserved = "\u0001"

/** Flights that wait for a forced load; those that left without an answer are forgotten for newer ones. */
const mostJoined = 10_000

/** Over a namespace. Its loads are apart from the contract's, whose fills know of no sizes. */
export const cacheAdapter = (client: SpaceClient): Adapter => {
  const far = ClusterAdapter.over(client)
  const failure = (operation: "read" | "put" | "fill", key: string) => (error: ClusterError) =>
    toAdapterError(operation, key, error)
  const call = <A>(operation: "read" | "put" | "fill", verb: string, args: readonly [string, ...Array<unknown>]) =>
    Effect.mapError(client.call<A>(verb, args), failure(operation, args[0]))

  /** What flights were told that wait for a forced load, by owner and key. */
  const joined = new Map<string, number>()

  const acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> => {
    const name = `${options.owner}\0${key}`
    const join: Joining = { seen: joined.get(name) }
    const asked: AcquireOptions & { readonly join: Joining } = { ...options, join }
    return Effect.map(far.acquire(key, asked), (found: Acquired & Joined) => {
      joined.delete(name)
      if (options.force === true && found._tag === "Follower" && typeof found.seen === "number") {
        joined.set(name, found.seen)
        if (joined.size > mostJoined) joined.delete(joined.keys().next().value!)
      }
      return found
    })
  }

  return {
    ...far,
    identity: {},
    acquire,
    read: (key) => {
      if (key.startsWith(reserved)) return far.read(key)
      return Effect.withFiber((fiber) => {
        const { found, peek } = fiber.getRef(CallContext)
        if (found !== undefined) return Effect.succeed(snapshotOf(found))
        const verb = peek ? "peek" : "get"
        return Effect.map(call<Found | undefined | null>("read", verb, [key]), (found) =>
          found ? snapshotOf(found) : nothing
        )
      })
    },
    put: (key, options) => {
      if (key.startsWith(reserved)) return far.put(key, options)
      return Effect.withFiber((fiber) => {
        const { absent, size, ttl } = fiber.getRef(CallContext)
        const bytes = ClusterAdapter.bytesOf(options.value)
        const verb = absent === undefined ? "set" : "setIfAbsent"
        return Effect.map(call<boolean | undefined>("put", verb, [key, bytes, ttl, size]), (done) => {
          if (absent !== undefined) absent.refused = done === false
        })
      })
    },
    fill: (key, { token, value }) =>
      // The load's fiber has what the call was told that began it.
      Effect.withFiber((fiber) => {
        const { size, ttl } = fiber.getRef(CallContext)
        return call<boolean>("fill", "fill", [key, value && ClusterAdapter.bytesOf(value), token, ttl, size])
      })
  }
}

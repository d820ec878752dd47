/**
 * The adapter of the cache by itself. It reads by `get`, writes with sizes and the namespace's own ttl, and lets
 * callers join a forced load.
 */
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  type ChangeListener,
  isReserved,
  type Snapshot
} from "@cache-locking/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { toAdapterError } from "../client/ClusterError.ts"
import { over } from "../client/SpaceAdapter.ts"
import type { SpaceClient } from "../client/SpaceClient.ts"
import type { Joined, Joining } from "../primary/Joining.ts"
import { bytesOf, ownBytes } from "../wire/Compact.ts"
import type { Found } from "./Reader.ts"

/** The part of a call that is not in the contract. Core's verbs do not know it, so it travels with the fiber. */
export interface CallContext {
  readonly ttl?: number | undefined
  readonly size?: number | undefined
  readonly peek?: boolean | undefined
  /** The result of a read that the primary has already answered. */
  readonly found?: Found | undefined
  /** Writes only where there is no value. */
  readonly ifAbsent?: boolean | undefined
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

/**
 * The number of flights that are remembered as joined. Those that ended without another call make room for newer ones.
 */
const maxJoined = 10_000

/** The adapter over a namespace. Its identity is its own: its loads fill with sizes, which the contract's do not have. */
export const cacheAdapter = (client: SpaceClient): Adapter => {
  const contract = over(client)
  const call = <A>(operation: "read" | "put" | "fill", verb: string, args: readonly [string, ...Array<unknown>]) =>
    Effect.mapError(client.call<A>(verb, args), toAdapterError(operation, args[0]))

  /** The `seen` of flights that wait for a forced load, by owner and key. */
  const joined = new Map<string, number>()

  const acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> => {
    const name = `${options.owner}\0${key}`
    const join: Joining = { seen: joined.get(name) }
    const joining: AcquireOptions & { readonly join: Joining } = { ...options, join }
    return Effect.map(contract.acquire(key, joining), (found: Acquired & Joined) => {
      joined.delete(name)
      if (options.force === true && found._tag === "Follower" && typeof found.seen === "number") {
        joined.set(name, found.seen)
        if (joined.size > maxJoined) joined.delete(joined.keys().next().value!)
      }
      return found
    })
  }

  /** Near copies listen here. */
  const listeners = new Set<ChangeListener>()

  /** Answers false if there was a value. Core's `set` passes that answer on. */
  const putIfAbsent = (key: string, args: readonly [string, ...Array<unknown>]): Effect.Effect<any, AdapterError> =>
    Effect.map(call<boolean>("put", "setIfAbsent", args), (written) => {
      // Near copies take the value of a write that succeeds for the new one, but this write was refused.
      if (!written) for (const { changed } of listeners) changed(key)
      return written
    })

  return {
    ...contract,
    identity: {},
    acquire,
    read: (key) => {
      if (isReserved(key)) return contract.read(key)
      return Effect.withFiber((fiber) => {
        const { found, peek } = fiber.getRef(CallContext)
        if (found !== undefined) return Effect.succeed(snapshotOf(found))
        const read = call<Found | undefined | null>("read", peek ? "peek" : "get", [key])
        return Effect.map(read, (found) => (found ? snapshotOf(found) : nothing))
      })
    },
    put: (key, options) => {
      if (isReserved(key)) return contract.put(key, options)
      return Effect.withFiber((fiber) => {
        const { ifAbsent, size, ttl } = fiber.getRef(CallContext)
        const args = [key, ownBytes(options.value.bytes), ttl, size] as const
        return ifAbsent ? putIfAbsent(key, args) : call<void>("put", "set", args)
      })
    },
    // The fiber of a load has the context of the call that began it.
    fill: (key, { token, value }) =>
      Effect.withFiber((fiber) => {
        const { size, ttl } = fiber.getRef(CallContext)
        return call<boolean>("fill", "fill", [key, value && ownBytes(value.bytes), token, ttl, size])
      }),
    changes: (listener) =>
      Effect.andThen(
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        ),
        contract.changes!(listener)
      )
  }
}

import * as Cache from "effect/Cache"
import * as Effect from "effect/Effect"
import { type Bounds, type FiberPeer, nothing, type Peer } from "./Peer.ts"

const make = (lookup: (key: string) => Effect.Effect<string>, { maxEntries, ttl }: Bounds) =>
  Effect.runSync(Cache.make({ capacity: maxEntries, lookup, ...(ttl === undefined ? {} : { timeToLive: ttl }) }))

const packages = ["effect"]

/** Effect's own cache, through promises. */
export const EffectCache: Peer = {
  name: "Effect Cache",
  packages,
  memory: (load, bounds) => {
    const cache = make((key) => Effect.promise(() => load(key)), bounds)
    return { get: (key) => Effect.runPromise(Cache.get(cache, key)), close: nothing }
  }
}

/** The same inside a fiber. */
export const EffectCacheFiber: FiberPeer = {
  name: "Effect Cache in a fiber",
  packages,
  memory: (load, bounds) => {
    const cache = make(load, bounds)
    return { get: (key) => Cache.get(cache, key), valueOf: (value: string) => value, close: nothing }
  }
}

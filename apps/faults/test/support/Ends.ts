/**
 * A process that works with a cache as a script does, closes its client, prints its findings and comes to its last line. It
 * has to end by itself. Its arguments: a backend, its address, a prefix, and the story.
 */

import { type Adapter, MemoryAdapter } from "@cache-locking/core"
import { createCache, type PromiseCache } from "@cache-locking/core/promise"
import * as Effect from "effect/Effect"
import { backendOf } from "../../src/backends/Backends.ts"
import { OpenTimers } from "./OpenTimers.ts"

const timers = new OpenTimers()
const given: ReadonlyArray<string> =
  process.env["ENDS"] === undefined ? process.argv.slice(2) : JSON.parse(process.env["ENDS"])
const [backend, url, prefix, story] = given as [string, string, string, string]
const never = () => new Promise<never>(() => {})
const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no failure",
    (error) => String(error._tag ?? error)
  )

const memory = MemoryAdapter.make()
const { adapter, close } =
  backend === "memory"
    ? { adapter: memory, close: async () => {} }
    : await (await backendOf(backend)).connect(url, { prefix, commandTimeout: 5_000, client: "hasty" })

const lease = 6_000
const options = { adapter, name: story, cacheTtl: "1 minute", leaseTtl: lease, waitMax: "20 seconds" } as const

/** Another process's lease of a key, so that nothing in this process waits but the cache. */
const heldElsewhere = async (key: string, leaseFor: number): Promise<Parameters<Adapter["abandon"]>[1]> => {
  const asked = await Effect.runPromise(adapter.acquire(key, { owner: "another", leaseFor, force: false }))
  if (asked._tag !== "Leader") throw new Error(`the key is not free: ${asked._tag}`)
  return { token: asked.token }
}

/** Begins a load that never settles, and returns when its fetcher was called. */
const begin = async (cache: PromiseCache<string>, key: string): Promise<{ readonly loading: Promise<string> }> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const loading = failure(
    cache.getOrSet(key, () => {
      resolve()
      return never()
    })
  )
  await promise
  return { loading }
}

const stories: { readonly [name: string]: () => Promise<unknown> } = {
  /** The fetcher never settles, and nobody awaits it. */
  forgotten: async () => {
    const cache = createCache<string>(options)
    const { promise, resolve } = Promise.withResolvers<void>()
    void cache.getOrSet("k", () => {
      resolve()
      return never()
    })
    await promise
    return "begun"
  },
  /** A background refresh never settles. */
  refresh: async () => {
    const cache = createCache<string>({ ...options, staleWhileRevalidate: "1 hour" })
    await cache.set("k", "old", { cacheTtl: 1_000 })
    await sleep(1_100)
    const { promise, resolve } = Promise.withResolvers<void>()
    const asked = await cache.getOrSetWithMeta("k", () => {
      resolve()
      return never()
    })
    await promise
    return asked.meta.cache
  },
  /** One call, which loads. */
  leader: () =>
    createCache<string>(options).getOrSet("k", async () => {
      await sleep(200)
      return "loaded"
    }),
  /** One call, which waits for another process's load. That process dies. */
  follower: async () => {
    const cache = createCache<string>({ ...options, leaseTtl: lease })
    await heldElsewhere("k", backend === "dynamodb" ? 5_000 : 1_000)
    return cache.getOrSet("k", () => "taken over")
  },
  /** One call, which waits for the end of a cooldown. */
  cooling: async () => {
    const cache = createCache<string>(options)
    const { token } = await heldElsewhere("k", lease)
    await Effect.runPromise(adapter.abandon("k", { token, cooldown: 1_000 }))
    return cache.getOrSet("k", () => "after the cooldown")
  },
  /** One call, whose fetcher never settles, with a limit. */
  limit: () => failure(createCache<string>(options).getOrSet("k", never, { fetchTimeout: { hard: 500 } })),
  /** One call, which waits for a load that never settles in this process, and not for long. */
  joined: async () => {
    const cache = createCache<string>({ ...options, waitMax: 500, onWaitTimeout: "fail" })
    void begin(cache, "k")
    await sleep(100)
    return failure(cache.getOrSet("k", never))
  },
  /** Closing while a load is under way that never settles. */
  closed: async () => {
    const cache = createCache<string>(options)
    const { loading } = await begin(cache, "k")
    await cache.close({ within: 1_500 })
    const { lease } = await Effect.runPromise(adapter.read("k"))
    if (adapter.close !== undefined) await Effect.runPromise(adapter.close)
    return { call: await loading, lease: lease !== undefined, timers: timers.open }
  }
}

const found = await stories[story]!()
await close()
if (process.connected) process.disconnect()
console.log(JSON.stringify({ found, done: Date.now() }))

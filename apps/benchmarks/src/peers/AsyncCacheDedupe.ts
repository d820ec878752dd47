import { createCache } from "async-cache-dedupe"
import type { Address } from "../Suite.ts"
import type { Load } from "../work/Origin.ts"
import { ioredis5 } from "./Clients.ts"
import { nothing, type Opened, type Peer } from "./Peer.ts"

type Storage = NonNullable<NonNullable<Parameters<typeof createCache>[0]>["storage"]>

/** It counts in whole seconds, and has no endless lifetime. */
const seconds = (ms: number | undefined): number => (ms === undefined ? 2 ** 30 : Math.ceil(ms / 1000))

interface More {
  readonly stale?: number
  readonly references?: () => Array<string>
}

const over = (
  storage: Storage,
  load: Load,
  ttl: number | undefined,
  close: () => Promise<void>,
  { references, stale = 0 }: More = {}
): Opened => {
  const options = references === undefined ? {} : { references }
  const cache = createCache({ ttl: seconds(ttl), stale, storage }).define("load", options, load)
  return { get: (key) => cache.load(key), close }
}

const overRedis = async (
  load: Load,
  at: Address,
  ttl: number,
  more?: More,
  invalidation?: { readonly referencesTTL: number }
): Promise<Opened> => {
  const client = await ioredis5(at)
  const options = invalidation === undefined ? { client } : { client, invalidation }
  const close = async () => {
    await client.quit()
  }
  return over({ type: "redis", options }, load, ttl, close, more)
}

export const AsyncCacheDedupe: Peer = {
  name: "async-cache-dedupe",
  packages: ["async-cache-dedupe"],
  memory: (load, { maxEntries, ttl }) => over({ type: "memory", options: { size: maxEntries } }, load, ttl, nothing),
  redis: (load, at, { ttl }) => overRedis(load, at, ttl),
  tagged: (load, at, { ttl }) =>
    overRedis(load, at, ttl, { references: () => ["users"] }, { referencesTTL: seconds(ttl) }),
  stale: (load, at, { stale, ttl }) => overRedis(load, at, ttl, { stale: seconds(stale) })
}

// Imported as a namespace: a name that an older commit lacks must not fail the import when two commits are compared.
import * as Core from "@cache-locking/core"
import { type Adapter, createCache } from "@cache-locking/core/promise"
import { RedisAdapter } from "@cache-locking/redis"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Reached } from "../backends/Backend.ts"
import type { Address } from "../Suite.ts"
import type { Load } from "../work/Origin.ts"
import { ioredis6 } from "./Clients.ts"
import type { FiberOpened, FiberPeer, Opened, Peer } from "./Peer.ts"

interface Policy {
  readonly cacheTtl: number
  readonly staleWhileRevalidate?: number
  readonly tags?: ReadonlyArray<string>
  readonly leaseTtl?: number
  readonly waitMax?: number
}

const overPromises = (load: Load, adapter: Adapter, policy: Policy, also?: () => unknown): Opened => {
  const cache = createCache<string>({ adapter, ...policy })
  return {
    get: (key) => cache.getOrSet(key, () => load(key)),
    close: async () => {
      await cache.close()
      await also?.()
    }
  }
}

const overEffects = async (
  load: (key: string) => Effect.Effect<string>,
  adapter: Adapter,
  policy: Policy,
  also?: () => unknown
): Promise<FiberOpened> => {
  const scope = Effect.runSync(Scope.make())
  const cache = await Effect.runPromise(Scope.provide(Core.Cache.make<string>({ adapter, ...policy }), scope))
  return {
    // Any failure ends the run.
    get: (key) => cache.getOrSet(key, () => load(key)) as Effect.Effect<unknown>,
    valueOf,
    close: async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await also?.()
    }
  }
}

const valueOf = (answer: { readonly value: string }): string => answer.value

const leased = ({ leaseTtl, ttl }: { readonly leaseTtl: number; readonly ttl: number }): Policy => ({
  cacheTtl: ttl,
  leaseTtl,
  waitMax: 10 * leaseTtl
})

const over = async (at: Address) => {
  const client = await ioredis6(at)
  return { adapter: RedisAdapter.make({ client, prefix: "ours" }), quit: () => client.quit() }
}

/** Over the adapter of a backend, and closes everything that the backend opened. */
export const overReached = (
  { adapter, close }: Reached,
  load: Load,
  bounds: { readonly leaseTtl: number; readonly ttl: number }
): Opened =>
  overPromises(load, adapter, leased(bounds), async () => {
    await Effect.runPromise(adapter.close ?? Effect.void)
    await close()
  })

const packages = ["@cache-locking/core", "effect"]

/** `createCache`, the Promise facade. */
export const CacheLocking: Peer = {
  name: "cache-locking",
  packages,
  ours: true,
  memory: (load, { maxEntries, ttl }) =>
    overPromises(load, Core.MemoryAdapter.make({ maxEntries }), { cacheTtl: ttl ?? Infinity }),
  redis: async (load, at, options) => {
    const { adapter, quit } = await over(at)
    return overPromises(load, adapter, leased(options), quit)
  },
  tiered: async (load, at, options) => {
    const { adapter, quit } = await over(at)
    return overPromises(load, Core.Tiered.make([{ maxEntries: 10_000 }, adapter]), leased(options), quit)
  },
  tagged: async (load, at, options) => {
    const { adapter, quit } = await over(at)
    return overPromises(load, adapter, { ...leased(options), tags: ["users"] }, quit)
  },
  stale: async (load, at, { stale, ...options }) => {
    const { adapter, quit } = await over(at)
    return overPromises(load, adapter, { ...leased(options), staleWhileRevalidate: stale }, quit)
  },
  many: async (load, at, options) => {
    const { adapter, quit } = await over(at)
    const cache = createCache<string>({ adapter, ...leased(options) })
    const fetchMany = async (keys: ReadonlyArray<string>) => {
      const values = await load(keys)
      return keys.map((key, i) => [key, values[i]!] as const)
    }
    return {
      getMany: async (keys) => (await cache.getOrSetMany(keys, fetchMany)).values(),
      close: async () => {
        await cache.close()
        await quit()
      }
    }
  }
}

/** The same inside a fiber. */
export const CacheLockingFiber: FiberPeer = {
  name: "cache-locking in a fiber",
  packages,
  ours: true,
  memory: (load, { maxEntries, ttl }) =>
    overEffects(load, Core.MemoryAdapter.make({ maxEntries }), { cacheTtl: ttl ?? Infinity }),
  redis: async (load, at, options) => {
    const { adapter, quit } = await over(at)
    return overEffects(load, adapter, leased(options), quit)
  }
}

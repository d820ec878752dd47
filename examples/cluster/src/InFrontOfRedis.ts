/** The cluster as the near tier of all workers of a host, Redis as the far tier of all hosts. */
import { createClusterCache, type PromiseClusterCache } from "@cache-locking/cluster/promise"
import { createCache } from "@cache-locking/core/promise"
import { RedisAdapter } from "@cache-locking/redis"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Redis } from "ioredis"

const prefix = "users"

/** The host's copies. Their ttl bounds the age of a copy when no change is reported. */
const openNear = (): PromiseClusterCache<string> =>
  createClusterCache<string>({ namespace: "users", space: { max: 10_000, ttl: "1 minute" } })

/** The users, as each worker reads them. */
export const openUsers = (url: string, origin: (id: string) => Promise<string>) => {
  const client = new Redis(url)
  const near = openNear()
  const far = createCache<string>({ adapter: RedisAdapter.make({ client, prefix }), cacheTtl: "10 minutes" })
  return {
    /** One worker of a host asks Redis, and one worker of all hosts asks the origin. */
    get: (id: string) => near.fetch(id, () => far.getOrSet(id, () => origin(id))),
    /** This host forgets its copy at once, the others as soon as Redis notifies them. */
    changed: async (id: string) => {
      await far.delete(id)
      await near.delete(id)
    },
    close: async () => {
      await far.close()
      client.disconnect()
    }
  }
}

/**
 * The primary's part: it drops the copy of every key that any host changes in Redis. A load that began before the change
 * leaves no copy, because `delete` voids it.
 *
 * @returns the function that ends it
 */
export const forgetChanges = async (url: string): Promise<() => Promise<void>> => {
  const client = new Redis(url)
  const near = openNear()
  const adapter = RedisAdapter.make({ client, prefix })
  const { promise: live, reject, resolve } = Promise.withResolvers<void>()
  const listening = adapter.changes!({
    changed: (id) => void near.delete(id),
    lost: () => void near.clear(),
    restored: () => void near.clear()
  })
  const fiber = Effect.runFork(
    Effect.scoped(Effect.andThen(listening, () => Effect.andThen(Effect.sync(resolve), Effect.never)))
  )
  fiber.addObserver((exit) => reject(exit))
  await live
  return async () => {
    await Effect.runPromise(Fiber.interrupt(fiber))
    await Effect.runPromise(adapter.close ?? Effect.void)
    client.disconnect()
  }
}

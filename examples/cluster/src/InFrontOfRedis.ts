/** The cluster as the near tier of all workers of a host, Redis as the far tier of all hosts. */
import { createClusterCache } from "@cache-locking/cluster/promise"
import { createCache } from "@cache-locking/core/promise"
import { RedisAdapter } from "@cache-locking/redis"
import { Redis } from "ioredis"

/** How long a host may serve what another host has changed. */
const nearTtl = "2 seconds"

export const openUsers = (url: string, origin: (id: string) => Promise<string>) => {
  const client = new Redis(url)
  const near = createClusterCache<string>({ namespace: "users", space: { max: 10_000, ttl: nearTtl } })
  const far = createCache<string>({ adapter: RedisAdapter.make({ client, prefix: "users" }), cacheTtl: "1 minute" })
  return {
    /** One of the host's workers asks Redis, and one of all hosts' asks the origin. */
    get: (id: string) => near.fetch(id, () => far.getOrSet(id, () => origin(id))),
    /** Others' hosts see it within the near ttl, this one at once. */
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

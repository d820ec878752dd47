import { RedisCluster } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Cluster } from "ioredis"
import { type AdapterSetup, factsOf, serving } from "../../src/AdapterSetup.ts"
import { claims, peersOf, quiet, recordsOf, stallOf } from "../../src/RedisSetup.ts"

export const setup: AdapterSetup = {
  title: "Redis Cluster",
  package: "@cache-locking/redis",
  open: Effect.map(
    serving(() => RedisCluster.start()),
    (cluster) => {
      const clients = [1, 2, 3].map(() => quiet(new Cluster([...cluster.seeds])))
      const [here, there, eye] = clients as [Cluster, Cluster, Cluster]
      return {
        server: factsOf(cluster, "Redis Cluster"),
        setup: {
          name: "Redis Cluster",
          // No script has keys in two slots.
          claims: { ...claims, acquireMany: false },
          peers: () =>
            peersOf(here, there, () => {
              for (const client of clients) client.disconnect()
            }),
          records: recordsOf(() => eye.nodes("master")),
          // A cluster tells its own addresses, past any proxy; one that was given is not ours to stop.
          ...(cluster.controllable
            ? {
                stall: stallOf(
                  () => cluster.pause(),
                  () => cluster.resume()
                )
              }
            : {})
        }
      }
    }
  )
}

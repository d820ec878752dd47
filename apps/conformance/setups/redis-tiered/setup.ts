import { Tiered } from "@cache-locking/core"
import { Redis } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"
import { singleServer } from "../../src/RedisSetup.ts"

/** How long a message of Redis may take to the other peer, on one machine, in milliseconds. */
const lag = 250

const inner = singleServer("Redis", "Redis", () => Redis.start())

/** Redis with a near tier in each peer, told of changes by Redis itself. */
export const setup: AdapterSetup = {
  title: "Redis with a near tier (`Tiered`)",
  package: "@cache-locking/core",
  open: Effect.map(inner.open, ({ server, setup }) => ({
    server,
    setup: {
      ...setup,
      name: "redis-tiered",
      claims: { ...setup.claims, hitUnsafe: { lag } },
      peers: async () => {
        if (typeof setup.peers !== "function") throw new TypeError("the setup of Redis opens its peers by itself")
        const { close, here, there } = await setup.peers()
        return { here: Tiered.make([{}, here]), there: Tiered.make([{}, there]), close }
      }
    }
  }))
}

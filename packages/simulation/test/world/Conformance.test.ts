/** The simulated stores keep the contract, in real time: the kit measures it. */
import { suite } from "@cache-locking/conformance-kit/vitest"
import * as Effect from "effect/Effect"
import { Generator, Story } from "../../src/index.ts"
import { adapterOf, type Stores } from "../../src/world/Adapters.ts"
import { Connection } from "../../src/world/Connection.ts"
import { Store } from "../../src/world/Store.ts"
import { Values } from "../../src/world/Values.ts"
import type { Time } from "../../src/world/VirtualTime.ts"

const realTime: Time = {
  get now() {
    return performance.now()
  },
  after: (millis, run) => {
    const timer = setTimeout(run, millis)
    return { cancel: () => clearTimeout(timer) }
  }
}

const settings: Omit<Story.Story, "store"> = {
  processes: 2,
  settings: Story.defaults,
  delay: 1,
  slower: {},
  commandTimeout: 1_000,
  events: []
}

const lag = 200

// The adapter of isolates is the polled one.
for (const kind of Generator.kinds.filter((kind) => kind !== "isolates")) {
  const isTiered = kind.startsWith("tiered")
  const isDirect = kind !== "client-clock"
  const story: Story.Story = {
    ...settings,
    store: kind,
    ...(isTiered ? { tier: kind === "tiered-push" ? { ttl: 60_000, heartbeat: 1_000 } : { ttl: lag } } : {})
  }
  const stores: Stores = { store: new Store(realTime), values: new Values(realTime, 0) }
  const connections = [0, 1].map(() => new Connection(realTime, story, () => (run) => run()))
  const [here, there] = connections.map((connection, id) => adapterOf(story, connection, stores, id))
  const silence = { at: 0, do: "lose", process: 0, verb: "any", leg: "reply", for: Infinity } as const

  suite(
    {
      name: `a simulated store, ${kind}`,
      peers: () => ({ here: here!, there: there! }),
      claims: {
        watch: kind === "push" || kind === "tiered-push" || kind === "values",
        keys: false,
        changes: kind === "tiered-push",
        acquireMany: isDirect,
        deleteMany: false,
        hitUnsafe: isTiered && { lag },
        close: isTiered,
        clock: isDirect ? "store" : "client"
      },
      stall: {
        begin: Effect.acquireRelease(
          Effect.sync(() => connections[0]!.suffer(silence)),
          (end) => Effect.sync(end)
        ),
        // A verb over a store of values sends several requests.
        within: kind === "values" ? 4_500 : 1_500
      }
    },
    { concurrent: true }
  )
}

import * as Effect from "effect/Effect"
import { type Backend, bound } from "./Backend.ts"

/** Makes the table in an empty database. */
export const prepare = async (url: string): Promise<void> => {
  const [{ D1Adapter }, { WorkersBridge }] = await Promise.all([
    import("@cache-locking/cloudflare-d1"),
    import("@cache-locking/test-servers")
  ])
  await Effect.runPromise(D1Adapter.setup({ database: WorkersBridge.d1(url) }))
}

export const backend: Backend = {
  name: "d1",
  pace: 20,
  leases: [1_000, 3_000],
  commandTimeout: 2_000,
  open: async () => {
    const [{ WorkersBridge }, { openWorkers }] = await Promise.all([
      import("@cache-locking/test-servers"),
      import("./Workers.ts")
    ])
    return openWorkers("D1 in workerd (miniflare)", { script: WorkersBridge.script, d1Databases: ["DB"] }, prepare)
  },
  connect: async (url, options) => {
    const [{ D1Adapter }, { WorkersBridge }] = await Promise.all([
      import("@cache-locking/cloudflare-d1"),
      import("@cache-locking/test-servers")
    ])
    const database = WorkersBridge.d1(url)
    return {
      // There is no prefix: the cache's name keeps callers apart.
      adapter: D1Adapter.make({ database, ...bound(options) }),
      close: async () => {}
    }
  }
}

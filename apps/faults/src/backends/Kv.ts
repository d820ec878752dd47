import { type Backend, bound } from "./Backend.ts"
import { prepare } from "./D1.ts"

export const backend: Backend = {
  name: "kv",
  pace: 20,
  leases: [1_000, 3_000],
  commandTimeout: 2_000,
  open: async () => {
    const [{ WorkersBridge }, { openWorkers }] = await Promise.all([
      import("@cache-locking/test-servers"),
      import("./Workers.ts")
    ])
    const bindings = { script: WorkersBridge.script, d1Databases: ["DB"], kvNamespaces: ["KV"] }
    return openWorkers("KV in workerd (miniflare), with leases in D1", bindings, prepare)
  },
  connect: async (url, options) => {
    const [{ D1Adapter }, { KvAdapter }, { WorkersBridge }, { counting }] = await Promise.all([
      import("@cache-locking/cloudflare-d1"),
      import("@cache-locking/cloudflare-kv"),
      import("@cache-locking/test-servers"),
      import("./Workers.ts")
    ])
    const { binding: namespace, queued } = counting(WorkersBridge.kv(url), ["getWithMetadata", "put", "delete"])
    const leases = D1Adapter.make({ database: WorkersBridge.d1(url), ...bound(options) })
    return {
      adapter: KvAdapter.make({ namespace, leases, prefix: options.prefix, ...bound(options) }),
      close: async () => {},
      queued
    }
  }
}

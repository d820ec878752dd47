import { type Backend, bound } from "./Backend.ts"

export const backend: Backend = {
  name: "r2",
  pace: 10,
  leases: [4_000, 6_000],
  commandTimeout: 3_000,
  open: async () => {
    const [{ R2Bridge }, { openWorkers }] = await Promise.all([
      import("@cache-locking/test-servers"),
      import("./Workers.ts")
    ])
    return openWorkers("R2 in workerd (miniflare)", { script: R2Bridge.script, r2Buckets: ["R2"] })
  },
  connect: async (url, options) => {
    const [{ R2Adapter }, { R2Bridge }, { counting }] = await Promise.all([
      import("@cache-locking/r2"),
      import("@cache-locking/test-servers"),
      import("./Workers.ts")
    ])
    const { binding: bucket, queued } = counting(R2Bridge.binding(url), ["get", "put", "delete", "list"])
    return {
      adapter: R2Adapter.make({ bucket, prefix: options.prefix, ...bound(options) }),
      close: async () => {},
      queued
    }
  }
}

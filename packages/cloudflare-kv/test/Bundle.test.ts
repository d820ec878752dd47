/** The size of a Worker's bundle. */
import { bundleSizes } from "@cache-locking/test-servers/vitest"
import { describe } from "vitest"

describe("core and this package, bundled for a Worker", () => {
  bundleSizes(import.meta.dirname, [
    {
      row: "leases in D1",
      entry: `import { createCache } from "@cache-locking/core/promise"
        import { D1Adapter } from "@cache-locking/cloudflare-d1"
        import { KvAdapter } from "../src/index.ts"
        export const cache = (env) =>
          createCache({ adapter: KvAdapter.make({ namespace: env.KV, leases: D1Adapter.make({ database: env.DB }) }) })`,
      sizes: [{ most: 87_000 }]
    },
    {
      row: "KV alone",
      entry: `import { KvAdvisory } from "../src/index.ts"
        export const cache = (env) => KvAdvisory.createCache({ namespace: env.KV })`,
      sizes: [{ most: 81_000 }]
    }
  ])
})

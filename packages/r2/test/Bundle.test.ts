/** The size of a Worker's bundle. */
import { bundleSizes, effectModules } from "@cache-locking/test-servers/vitest"
import { describe } from "vitest"

const adapter = `import { R2Adapter } from "../src/index.ts"`

describe("core and this adapter, bundled for a Worker", () => {
  bundleSizes(import.meta.dirname, [
    {
      row: "promises",
      entry: `import { createCache } from "@cache-locking/core/promise"
        ${adapter}
        export const cache = (bucket) => createCache({ adapter: R2Adapter.make({ bucket }) })`,
      sizes: [{ most: 85_000 }, { most: 61_000, external: effectModules }]
    },
    {
      row: "Effect",
      entry: `import { Cache } from "@cache-locking/core"
        import * as Effect from "effect/Effect"
        ${adapter}
        export const get = (bucket, key, fetcher) =>
          Effect.runPromise(Cache.getOrSet({ adapter: R2Adapter.make({ bucket }), key, fetcher }))`,
      sizes: [{ most: 85_000 }, { most: 61_000, external: effectModules }]
    },
    {
      row: "this package alone",
      entry: `${adapter}\nexport { R2Adapter }`,
      sizes: [{ most: 3_500, off: 1, external: [...effectModules, "@cache-locking/core"] }]
    }
  ])
})

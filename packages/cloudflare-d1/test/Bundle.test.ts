/** The size of a Worker's bundle. */
import { WorkersBundle } from "@cache-locking/test-servers"
import { bundleSizes, effectModules } from "@cache-locking/test-servers/vitest"
import { describe, expect, it } from "vitest"

const adapter = `import { D1Adapter } from "../src/index.ts"`

describe("core and this adapter, bundled for a Worker", () => {
  bundleSizes(import.meta.dirname, [
    {
      row: "promises",
      entry: `import { createCache } from "@cache-locking/core/promise"
        ${adapter}
        export const cache = (database) => createCache({ adapter: D1Adapter.make({ database }) })`,
      sizes: [{ most: 84_000 }, { most: 59_000, external: effectModules }]
    },
    {
      row: "Effect",
      entry: `import { Cache } from "@cache-locking/core"
        import * as Effect from "effect/Effect"
        ${adapter}
        export const get = (database, key, fetcher) =>
          Effect.runPromise(Cache.getOrSet({ adapter: D1Adapter.make({ database }), key, fetcher }))`,
      sizes: [{ most: 84_000 }, { most: 59_000, external: effectModules }]
    },
    {
      row: "this package alone",
      entry: `${adapter}\nexport { D1Adapter }`,
      sizes: [{ most: 6_500, off: 1, external: [...effectModules, "@cache-locking/core"] }]
    }
  ])

  it("an import that only Node has would be an error", async () => {
    await expect(WorkersBundle.bundle({ text: `import "node:fs"`, beside: import.meta.dirname })).rejects.toThrow(
      /node:fs/
    )
  })
})

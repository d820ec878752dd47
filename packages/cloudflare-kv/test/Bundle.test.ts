/** What a Worker carries: bundled without anything of Node's, minified, gzipped, and no larger than the README says. */
import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { WorkersBundle } from "@cache-locking/test-servers"
import { describe, expect, it } from "vitest"

const entries = {
  "leases in D1": `import { createCache } from "@cache-locking/core/promise"
    import { D1Adapter } from "@cache-locking/cloudflare-d1"
    import { KvAdapter } from "../src/index.ts"
    export const cache = (env) =>
      createCache({ adapter: KvAdapter.make({ namespace: env.KV, leases: D1Adapter.make({ database: env.DB }) }) })`,
  "KV alone": `import { KvAdvisory } from "../src/index.ts"
    export const cache = (env) => KvAdvisory.createCache({ namespace: env.KV })`
}

/** Bytes, gzipped. Nothing grows past this unnoticed. */
const most = { "leases in D1": 75_000, "KV alone": 70_000 }

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

/** The README's figure of a row of its table, in kB. */
const told = (row: string): number =>
  Number(new RegExp(`^\\| ${row}[^|]*\\|\\s*([\\d.]+) kB`, "m").exec(readme)?.[1] ?? Number.NaN)

describe("core and this package, bundled for a Worker", () => {
  for (const [name, entry] of Object.entries(entries)) {
    it(`${name}: within the bound, and as the README says`, async () => {
      const size = gzipSync(
        await WorkersBundle.bundle({ text: entry, beside: import.meta.dirname }, { minify: true }),
        { level: 9 }
      ).length
      console.info(`${name}: ${size} bytes`)
      expect(size).toBeLessThan(most[name as keyof typeof most])
      expect(Math.abs(size / 1000 - told(name))).toBeLessThan(3)
    })
  }
})

/** What a Worker carries: bundled without anything of Node's, minified, gzipped, and no larger than the README says. */
import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { WorkersBundle } from "@cache-locking/test-servers"
import { describe, expect, it } from "vitest"

const adapter = `import { D1Adapter } from "../src/index.ts"`

const entries = {
  promises: `import { createCache } from "@cache-locking/core/promise"
    ${adapter}
    export const cache = (database) => createCache({ adapter: D1Adapter.make({ database }) })`,
  Effect: `import { Cache } from "@cache-locking/core"
    import * as Effect from "effect/Effect"
    ${adapter}
    export const get = (database, key, fetcher) =>
      Effect.runPromise(Cache.getOrSet({ adapter: D1Adapter.make({ database }), key, fetcher }))`
}

/** Bytes, gzipped. */
const sizeOf = async (entry: string, external: Array<string> = []): Promise<number> =>
  gzipSync(await WorkersBundle.bundle({ text: entry, beside: import.meta.dirname }, { minify: true, external }), {
    level: 9
  }).length

const effect = ["effect", "effect/*"]

/** Nothing grows past these unnoticed: bytes. */
const most = { all: 72_000, withoutEffect: 46_000, alone: 6_500 }

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

/** The README's figures of a row of its table, in kB. */
const told = (row: string): ReadonlyArray<number> => {
  const line = readme.split("\n").find((line) => line.startsWith(`| ${row}`))
  return [...(line ?? "").matchAll(/(\d+(?:\.\d+)?) kB/g)].map(([, figure]) => Number(figure))
}

describe("core and this adapter, bundled for a Worker", () => {
  for (const [name, entry] of Object.entries(entries)) {
    it(`${name}: within the bounds, and as the README says`, async () => {
      const [all, withoutEffect] = [await sizeOf(entry), await sizeOf(entry, effect)]
      console.info(`${name}: ${all} bytes, ${withoutEffect} without effect`)
      expect(all).toBeLessThan(most.all)
      expect(withoutEffect).toBeLessThan(most.withoutEffect)
      const [toldAll, toldWithout] = told(name)
      expect(Math.abs(all / 1000 - toldAll!)).toBeLessThan(3)
      expect(Math.abs(withoutEffect / 1000 - toldWithout!)).toBeLessThan(3)
    })
  }

  it("the adapter alone", async () => {
    const alone = await sizeOf(`${adapter}\nexport { D1Adapter }`, [...effect, "@cache-locking/core"])
    console.info(`alone: ${alone} bytes`)
    expect(alone).toBeLessThan(most.alone)
    expect(Math.abs(alone / 1000 - told("this package alone")[0]!)).toBeLessThan(1)
  })

  it("an import that only Node has would be an error", async () => {
    await expect(WorkersBundle.bundle({ text: `import "node:fs"`, beside: import.meta.dirname })).rejects.toThrow(
      /node:fs/
    )
  })
})

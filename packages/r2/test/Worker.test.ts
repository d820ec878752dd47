/** The package where it belongs: bundled, in workerd, beside others over one bucket. */
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { Miniflare } from "miniflare"
import { afterAll, beforeAll, expect, it } from "vitest"

const parallel = 50
const rounds = 200
const roundsPerRequest = 10

const bundle = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("./fixtures/Worker.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    // What is Node's alone cannot be resolved here, and would fail the build.
    platform: "browser",
    conditions: ["cache-locking-source"],
    target: "es2022"
  })
  return outputFiles[0]!.text
}

const loads = new Map<string, number>()
let miniflare: Miniflare
beforeAll(async () => {
  const script = await bundle()
  const worker = (name: string) => ({
    name,
    modules: true as const,
    script,
    compatibilityDate: "2026-01-01",
    r2Buckets: { R2: "shared" },
    serviceBindings: {
      ORIGIN: async ({ url }: { readonly url: string }) => {
        const key = new URL(url).pathname.slice(1)
        loads.set(key, (loads.get(key) ?? 0) + 1)
        await new Promise((resolve) => setTimeout(resolve, 300))
        return new Response(`value of ${key}`) as never
      }
    }
  })
  miniflare = new Miniflare({ workers: [worker("a"), worker("b")] })
  await miniflare.ready
})
afterAll(() => miniflare?.dispose())

const ask = async (name: string, path: string): Promise<string> => {
  const worker = await miniflare.getWorker(name)
  const response = await worker.fetch(`http://${name}${path}`)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return text
}

it("50 requests at once to two Workers over one bucket make one origin call", async () => {
  const asked = Array.from({ length: parallel }, (_, index) => ask(index % 2 === 0 ? "a" : "b", "/?key=cold"))
  expect(new Set(await Promise.all(asked))).toEqual(new Set(["value of cold"]))
  expect(loads.get("cold")).toBe(1)
  expect(await ask("a", "/?key=cold")).toBe("value of cold")
  expect(await ask("b", "/?key=cold")).toBe("value of cold")
  expect(loads.get("cold")).toBe(1)
})

it(`${rounds} rounds of ${parallel} that ask for one key, in two Workers: one leads`, {
  timeout: 300_000
}, async () => {
  for (let at = 0; at < rounds; at += roundsPerRequest) {
    const path = `/race?key=race${at}-&rounds=${roundsPerRequest}`
    const [a, b] = (await Promise.all([ask("a", path), ask("b", path)])).map(
      (text) => JSON.parse(text) as Array<number>
    )
    expect(a!.map((count, round) => count + b![round]!)).toEqual(Array(roundsPerRequest).fill(1))
  }
})

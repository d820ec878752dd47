import { WorkersBundle, WorkersRuntime } from "@cache-locking/test-servers"
import type { Miniflare } from "miniflare"
import { afterAll, beforeAll, expect, it } from "vitest"

const parallel = 50
const rounds = 200
const roundsPerRequest = 10

const loads = new Map<string, number>()
let miniflare: Miniflare
beforeAll(async () => {
  const script = await WorkersBundle.bundle(new URL("./fixtures/Worker.ts", import.meta.url))
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
  miniflare = await WorkersRuntime.start({ workers: [worker("a"), worker("b")] })
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

it(`${rounds} rounds of ${parallel} that ask for one key, in two Workers: one leads`, async () => {
  for (let at = 0; at < rounds; at += roundsPerRequest) {
    const path = `/race?key=race${at}-&rounds=${roundsPerRequest}`
    const [a, b] = (await Promise.all([ask("a", path), ask("b", path)])).map(
      (text) => JSON.parse(text) as Array<number>
    )
    expect(a!.map((count, round) => count + b![round]!)).toEqual(Array(roundsPerRequest).fill(1))
  }
})

it("a value of 50 MB passes through an isolate", async () => {
  expect(await ask("a", "/large?bytes=50000000")).toBe("true")
})

it("keeps the whole contract inside a Worker", { timeout: 600_000 }, async () => {
  const cases = JSON.parse(await ask("a", "/kit")) as ReadonlyArray<
    Record<"law" | "outcome" | "name" | "message", string>
  >
  // Histories need the times of replies, which are unknown inside a Worker: they are judged from outside.
  expect(cases.filter(({ outcome }) => outcome === "failed")).toEqual([])
  expect(cases.filter(({ outcome }) => outcome === "passed").length).toBeGreaterThan(205)
})

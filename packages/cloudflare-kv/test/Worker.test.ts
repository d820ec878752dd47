/** Where it is to run: inside a Worker, without anything that only Node has. */
import { Miniflare } from "miniflare"
import { afterAll, beforeAll, expect, it } from "vitest"
import { bundle } from "./fixtures/Bundle.ts"

interface Judged {
  readonly law: string
  readonly name: string
  readonly outcome: string
  readonly message: string
}

let miniflare: Miniflare
beforeAll(async () => {
  const script = await bundle(new URL("./fixtures/ConformanceWorker.ts", import.meta.url))
  const bindings = { d1Databases: ["DB"], kvNamespaces: ["KV"] }
  miniflare = new Miniflare({ modules: true, script, compatibilityDate: "2026-07-01", ...bindings })
  await miniflare.ready
})
afterAll(() => miniflare.dispose())

const judged = async (path: string): Promise<ReadonlyArray<Judged>> =>
  (await (await miniflare.dispatchFetch(`http://worker${path}`)).json()) as ReadonlyArray<Judged>

/**
 * Inside a Worker the clock stands still between requests to the outside, so when a reply came cannot be told to the
 * millisecond, which is what histories are explained by: they are judged from outside.
 */
const failures = (cases: ReadonlyArray<Judged>): ReadonlyArray<Judged> =>
  cases.filter(({ law, outcome }) => outcome === "failed" && law !== "histories")

const passed = (cases: ReadonlyArray<Judged>): number => cases.filter(({ outcome }) => outcome === "passed").length

it("KV with leases in D1 keeps the whole contract", { timeout: 600_000 }, async () => {
  const cases = await judged("/pair")
  expect(failures(cases)).toEqual([])
  expect(passed(cases)).toBeGreaterThan(225)
})

it("KV alone keeps it among the callers of one isolate", { timeout: 600_000 }, async () => {
  const cases = await judged("/isolate")
  expect(failures(cases)).toEqual([])
  expect(passed(cases)).toBeGreaterThan(190)
})

it("200 times fifty ask for a missing key: one leads", { timeout: 120_000 }, async () => {
  const winners = await (await miniflare.dispatchFetch("http://worker/races")).json()
  expect(winners).toEqual(Array(200).fill(1))
})

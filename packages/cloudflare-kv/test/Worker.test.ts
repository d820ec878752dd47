/** Inside a Worker, without anything that only Node has. */
import type { Report } from "@cache-locking/conformance-kit"
import { WorkersBundle, WorkersRuntime } from "@cache-locking/test-servers"
import type { Miniflare } from "miniflare"
import { afterAll, beforeAll, expect, it } from "vitest"

type Cases = ReadonlyArray<Report.PlainJudged>

let miniflare: Miniflare
beforeAll(async () => {
  const script = await WorkersBundle.bundle(new URL("./fixtures/ConformanceWorker.ts", import.meta.url))
  const bindings = { d1Databases: ["DB"], kvNamespaces: ["KV"] }
  miniflare = await WorkersRuntime.start({ modules: true, script, compatibilityDate: "2026-07-01", ...bindings })
})
afterAll(() => miniflare.dispose())

const judged = async (path: string): Promise<Cases> =>
  (await (await miniflare.dispatchFetch(`http://worker${path}`)).json()) as Cases

/** Histories need the times of replies, which are unknown inside a Worker: they are judged from outside. */
const failures = (cases: Cases): Cases => cases.filter(({ outcome }) => outcome === "failed")

const passed = (cases: Cases): number => cases.filter(({ outcome }) => outcome === "passed").length

it("KV with leases in D1 keeps the whole contract", { timeout: 600_000 }, async () => {
  const cases = await judged("/pair")
  expect(failures(cases)).toEqual([])
  expect(passed(cases)).toBeGreaterThan(220)
})

it("KV alone keeps it among the callers of one isolate", { timeout: 600_000 }, async () => {
  const cases = await judged("/isolate")
  expect(failures(cases)).toEqual([])
  expect(passed(cases)).toBeGreaterThan(185)
})

it("200 times fifty ask for a missing key: one leads", async () => {
  const winners = await (await miniflare.dispatchFetch("http://worker/races")).json()
  expect(winners).toEqual(Array(200).fill(1))
})

import { expect, it } from "vitest"
import type { BatchRow } from "../../src/worst-day/Batch.ts"
import type { Row } from "../../src/worst-day/Measure.ts"
import type { Latencies } from "../../src/worst-day/Messages.ts"
import { page } from "../../src/worst-day/Page.ts"

const latencies: Latencies = { first: 0.4, last: 4_012, slowest: 4_033, answers: { CACHE_GET_FAILED: 98, HIT: 2 } }
const row: Row = {
  ...{ store: "redis", condition: "silent", onAdapterError: "fail", new: latencies, known: latencies },
  ...{ loads: 7, mostAtOnce: 1, told: { adapterErrors: 3 }, lines: 2, queued: 5, healed: 58, leases: 0 },
  ...{ unanswered: 0, untyped: [], unhandled: [] }
}

const batch: BatchRow = {
  ...{ store: "mongodb", keys: 1_000, late: 150, took: 4_010, answer: 1_000, loads: 1_000, told: {} },
  ...{ untyped: [], kept: 0, leases: 7, unhandled: [] }
}

const linesOf = (rows: ReadonlyArray<Row>) =>
  page({ titles: { redis: "Redis 7" }, rows, batches: [batch] })
    .split("\n")
    .map((line) => line.replace(/ +/g, " "))

it("shows each store in each condition, with a reason where there is none", () => {
  const lines = linesOf([row])
  expect(lines.filter((line) => line.startsWith("## "))).toHaveLength(11)
  expect(lines).toContain(
    "| Redis | not measured | 4.0 s · 58 ms | not measured | not measured | not measured | not measured | not measured |"
  )
  expect(lines).toContain(
    "| silent | fail | < 1 ms · 4.0 s | CACHE_GET_FAILED 98, HIT 2 | < 1 ms · 4.0 s | CACHE_GET_FAILED 98, HIT 2 | adapterErrors 3 | 2 | 7 (1) | 5 | 58 ms | 0 | |"
  )
  expect(lines).toContain("| MongoDB | 1,000 | 150 ms | 4.0 s | 1000 | 1000 | 0 | 7 | – | |")
  expect(lines).toContain("- failing over has no meaning: there is one primary, without a replica.")
})

it("names what no worst day may bring", () => {
  const lines = linesOf([{ ...row, healed: null, leases: null, unhandled: ["Error: x"] }])
  expect(lines.join("\n")).toContain("4.0 s · **no end**")
  expect(lines).toContain("- **silent, fail**: the cache was not well again")
  expect(lines).toContain("- **silent, fail**: unhandled: Error: x")
})

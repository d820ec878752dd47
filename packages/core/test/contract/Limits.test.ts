import { describe, expect, it } from "vitest"
import * as Limits from "../../src/contract/Limits.ts"

const adapter = { name: "small", limits: { keyBytes: 9, valueBytes: 4, tick: 1, clock: "store" } } as const
const of = (length: number) => ({ bytes: new Uint8Array(length) })

describe("Limits", () => {
  it.each(["", "123456789", "ééééa", "漢字漢", "🙂🙂a"])("accepts %o", (key) => {
    expect(Limits.refusal(adapter, "read", key)).toBeUndefined()
  })

  it.each(["1234567890", "ééééé", "漢字漢a", "🙂🙂ab"])("refuses %o, counted in UTF-8 bytes", (key) => {
    expect(Limits.refusal(adapter, "read", key)).toMatchObject({
      _tag: "AdapterError",
      adapter: "small",
      operation: "read",
      key,
      reason: "Rejected"
    })
  })

  it("refuses a lone surrogate, which would become another key", () => {
    for (const key of ["\ud800", "a\udc00", "\udc00\ud800"]) {
      expect(Limits.refusal(adapter, "put", key)?.message).toContain("surrogate")
    }
  })

  it("refuses a value of one byte more, and never shows it", () => {
    expect(Limits.refusal(adapter, "fill", "k", of(4))).toBeUndefined()
    expect(Limits.refusal(adapter, "fill", "k", of(5))?.message).toBe(
      "the value has 5 bytes; the most for this adapter is 4"
    )
  })

  it("refuses nothing for its length where there is no limit", () => {
    const endless = { name: "endless", limits: { ...adapter.limits, keyBytes: Infinity, valueBytes: Infinity } }
    expect(Limits.refusal(endless, "put", "k".repeat(100_000), of(100_000))).toBeUndefined()
  })
})

it("rounds lifetimes down and leases up, to whole milliseconds, never below 0", () => {
  expect([0.9, 1.1, -1, 0, 1e16, Infinity].map(Limits.atMost)).toEqual([0, 1, 0, 0, Infinity, Infinity])
  expect([0.9, 1.1, -1, 0, 1e16, Infinity].map(Limits.atLeast)).toEqual([1, 2, 0, 0, Infinity, Infinity])
  expect(Limits.lifetime({ fresh: 10.9, stale: 0.9 })).toEqual({ fresh: 10, stale: 0 })
})

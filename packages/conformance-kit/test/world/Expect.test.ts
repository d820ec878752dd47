import { AdapterError, Token } from "@cache-locking/core"
import { describe, expect, it } from "vitest"
import * as Expect from "../../src/world/Expect.ts"
import { Violation } from "../../src/world/Verdict.ts"

const value = { bytes: Uint8Array.of(104, 105) }
const hit = { _tag: "Hit", value, freshFor: 1, age: 2, took: 0 } as const

describe("Expect", () => {
  it("compares primitives, bytes and lists, and names the expected one", () => {
    Expect.same(Uint8Array.of(1), Uint8Array.of(1), "bytes")
    Expect.same([1, "a", undefined], [1, "a", undefined], "lists")
    expect(() => Expect.same(1, 2, "the count")).toThrow(new Violation("the count: expected 2, got 1"))
    expect(() => Expect.same(Uint8Array.of(1), Uint8Array.of(1, 2), "bytes")).toThrow(/expected 2 bytes/)
    expect(() => Expect.same(undefined, "a", "it")).toThrow('it: expected "a", got undefined')
  })

  it("narrows an answer to the expected tag", () => {
    expect(Expect.leads({ _tag: "Leader", token: Token("t") }, "asking").token).toBe("t")
    expect(() => Expect.leads(hit, "asking")).toThrow(
      'asking: expected Leader, got Hit { value: { bytes: 2 bytes "hi" }'
    )
    expect(Expect.hits(hit, value, "asking").age).toBe(2)
    expect(() => Expect.hits(hit, { bytes: Uint8Array.of(1) }, "asking")).toThrow(Violation)
  })

  it("takes bounds as part of the range, and NaN as out of any", () => {
    Expect.between(1, 1, 1, "it")
    expect(() => Expect.between(Number.NaN, 0, 1, "it")).toThrow(Violation)
  })

  it("shows errors without their causes, and long values by their length", () => {
    const cause = "a secret"
    const error = new AdapterError({ adapter: "a", operation: "put", reason: "Rejected", message: "no", cause })
    expect(Expect.show(error)).toBe("Rejected: no")
    expect(Expect.show(new Uint8Array(100))).toBe("100 bytes")
  })
})

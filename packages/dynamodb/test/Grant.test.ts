import { describe, expect, it } from "vitest"
import * as Grant from "../src/Grant.ts"

describe("Grant", () => {
  it("makes tokens that differ, and that hold the end of the value beside them", () => {
    for (const until of [0, 1, Date.now(), 9e15]) {
      expect(Grant.keptUntilOf(Grant.make(until))).toBe(until)
      expect(Grant.make(until)).not.toBe(Grant.make(until))
    }
    expect(Grant.keptUntilOf(Grant.make(undefined))).toBeUndefined()
  })

  it.each(["", ".", "t.", "t.A", "t.-1", "t.1e3 ", "🙂.漢", `t.${"z".repeat(12)}`])(
    "finds nothing in %j, which is none of its own",
    (token) => {
      expect(Grant.keptUntilOf(token)).toBeUndefined()
    }
  )
})

import { expect, it } from "vitest"
import { prefixEnd } from "../src/PrefixEnd.ts"

/** The order of SQLite's texts. */
const before = (one: string, two: string): boolean => Buffer.compare(Buffer.from(one), Buffer.from(two)) < 0

it("comes after all that begins with the prefix, and before all else", () => {
  for (const prefix of ["a", "a:", "z\u007f", "\ud7ff", "漢", "x😀", "a\u{10ffff}", "a\u{10ffff}\u{10ffff}", "\0"]) {
    const end = prefixEnd(prefix)!
    expect(end.isWellFormed()).toBe(true)
    for (const rest of ["", "\0", "a", "\uffff", "\u{10ffff}", "\u{10ffff}\u{10ffff}z"]) {
      expect([prefix, rest, before(prefix + rest, end)]).toEqual([prefix, rest, true])
    }
    expect(end.startsWith(prefix)).toBe(false)
  }
  expect(prefixEnd("a")).toBe("b")
  expect(prefixEnd("\ud7ff")).toBe("\ue000")
  expect(prefixEnd("a\u{10ffff}")).toBe("b")
})

it("is nothing where there is no end", () => {
  expect(prefixEnd("")).toBe(undefined)
  expect(prefixEnd("\u{10ffff}")).toBe(undefined)
})

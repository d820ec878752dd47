import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parsePattern } from "../../src/call/Invalidation.ts"

const matches = (pattern: string, key: string): boolean => parsePattern(pattern).matches(key)

describe("a pattern of keys", () => {
  it.each([
    ["user:*", "user:1", true],
    ["user:*", "user:", true],
    ["user:*", "users:1", false],
    ["*:name", "user:1:name", true],
    ["user:?", "user:1", true],
    ["user:?", "user:12", false],
    ["user:?", "user:😀", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["*", "", true],
    ["**", "any/thing.at all", true],
    ["a\\*b", "a*b", true],
    ["a\\*b", "axb", false],
    ["a\\", "a\\", true],
    [".*[a-z]+$", ".x[a-z]+$", true],
    [".*[a-z]+$", "abc", false]
  ])("%s and %s: %s", (pattern, key, expected) => {
    expect(matches(pattern, key)).toBe(expected)
  })

  it("finds the beginning of every match", () => {
    expect(parsePattern("user:*:x").prefix).toBe("user:")
    expect(parsePattern("a\\*b?").prefix).toBe("a*b")
    expect(parsePattern("*").prefix).toBe("")
    expect(parsePattern("exact").prefix).toBe("exact")
  })

  it("a key, escaped, matches itself and nothing else", () => {
    const escape = (text: string): string => text.replace(/[\\*?]/g, "\\$&")
    fc.assert(
      fc.property(fc.string(), fc.string(), (key, other) => {
        expect(matches(escape(key), key)).toBe(true)
        expect(matches(escape(key), other)).toBe(key === other)
      })
    )
  })

  it("every match begins with the prefix", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", "\\") })
    const key = fc.string({ unit: fc.constantFrom("a", "b", "*") })
    fc.assert(
      fc.property(text, key, (pattern, key) => {
        const { matches, prefix } = parsePattern(pattern)
        if (matches(key)) expect(key.startsWith(prefix)).toBe(true)
      }),
      { numRuns: 1000 }
    )
  })

  it("does not explode over many stars", () => {
    expect(matches(`${"a*".repeat(40)}b`, "a".repeat(4_000))).toBe(false)
  })
})

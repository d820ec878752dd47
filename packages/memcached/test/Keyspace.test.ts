import { InvalidOption } from "@cache-locking/core"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keyspace from "../src/Keyspace.ts"

describe("a name", () => {
  it("shows a key that is short and printable", () => {
    expect(Keyspace.nameOf("app", "user:1")).toBe("app{user:1}")
    expect(Keyspace.nameOf("app", "")).toBe("app{}")
    expect(Keyspace.nameOf("app", "x".repeat(245))).toHaveLength(250)
  })

  it.each([" ", "a b", "\n", "\u0000", "é", "日本", "\u007f", "x".repeat(246), "😀".repeat(2_000)])(
    "is a hash of one that is not: %j",
    (key) => {
      expect(Keyspace.nameOf("app", key)).toMatch(/^app#[\w-]{43}$/)
    }
  )

  it("is ASCII, at most 250 bytes long, and no other key's or prefix's", () => {
    const prefix = fc.constantFrom("", "a", "ab", "a#", "a:", "p".repeat(128))
    const key = fc.oneof(
      fc.string({ unit: fc.constantFrom("{", "}", "#", "a", "b", ":", " ", "é") }),
      fc.string({ minLength: 200, maxLength: 300 })
    )
    const place = fc.tuple(prefix, key)
    fc.assert(
      fc.property(place, place, (one, other) => {
        const name = Keyspace.nameOf(...one)
        expect(name).toMatch(/^[\x21-\x7e]{1,250}$/)
        if (one[0] !== other[0] || one[1] !== other[1]) expect(name).not.toBe(Keyspace.nameOf(...other))
      })
    )
  })

  it("of a hash is not the plain name of the key that looks like it", () => {
    const hashed = Keyspace.nameOf("app", "é")
    expect(Keyspace.nameOf("app", hashed.slice("app".length))).not.toBe(hashed)
    expect(Keyspace.nameOf("", hashed)).not.toBe(hashed)
  })
})

describe("a prefix", () => {
  it("is 'cache' by default", () => {
    expect(Keyspace.prefixOf(undefined)).toBe("cache")
    expect(Keyspace.prefixOf("")).toBe("")
  })

  it.each(["{", "a}", "a b", "é", "\n", "x".repeat(129), 5 as never])("is refused: %j", (prefix) => {
    expect(() => Keyspace.prefixOf(prefix)).toThrow(InvalidOption)
  })
})

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { slotOf } from "../src/client/Slot.ts"
import * as Keyspace from "../src/Keyspace.ts"

const odd = fc.string({
  unit: fc.constantFrom("{", "}", "%", "a", "*", "7D", "25", ":lease", "\u0000", "é", "😀"),
  maxLength: 8
})
const prefix = fc.string({ unit: fc.constantFrom("a", ":", "%", "*", "[", "lease", "é"), maxLength: 4 })

describe("names", () => {
  it("go back to their key", () => {
    fc.assert(
      fc.property(prefix, odd, (prefix, key) => {
        expect(Keyspace.keyOf(prefix, Keyspace.nameOf(prefix, key))).toBe(key)
      })
    )
  })

  it("are never shared, by keys, leases or prefixes", () => {
    fc.assert(
      fc.property(prefix, odd, prefix, odd, (p, k, q, l) => {
        const same = p === q && k === l
        const [one, other] = [Keyspace.nameOf(p, k), Keyspace.nameOf(q, l)]
        expect(one === other).toBe(same)
        expect(Keyspace.leaseOf(one) === Keyspace.leaseOf(other)).toBe(same)
        expect(one).not.toBe(Keyspace.leaseOf(other))
      }),
      { numRuns: 2000 }
    )
  })

  it("put the value and the lease into one slot", () => {
    fc.assert(
      fc.property(prefix, odd, (prefix, key) => {
        const name = Keyspace.nameOf(prefix, key)
        expect(slotOf(Keyspace.leaseOf(name))).toBe(slotOf(name))
      })
    )
  })

  it("are plain for plain keys", () => {
    expect(Keyspace.nameOf("app", "user:1")).toBe("app{user:1}")
    expect(Keyspace.leaseOf("app{user:1}")).toBe("app{user:1}:lease")
    expect(Keyspace.nameOf("app", "")).toBe("app{%}")
    expect(Keyspace.nameOf("app", "50%}")).toBe("app{50%25%7D}")
  })

  it("are looked for by a pattern in which nothing of the key is special", () => {
    expect(Keyspace.patternOf("a*p", "x[1]?\\")).toBe("a\\*p{x\\[1\\]\\?\\\\*}")
  })
})

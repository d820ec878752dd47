import type { AttributeValue } from "@aws-sdk/client-dynamodb"
import { Token } from "@cache-locking/core"
import { describe, expect, it } from "vitest"
import * as Item from "../src/Item.ts"

const n = (value: number): AttributeValue => ({ N: String(value) })

const whole = {
  cacheKey: { S: "app#k" },
  rev: { S: "r" },
  v: { B: Uint8Array.of(1, 2) },
  filledAt: n(1_000),
  took: n(30),
  freshUntil: n(5_000),
  staleMs: n(2_000),
  leaseOwner: { S: "me" },
  leaseToken: { S: "t" },
  leaseSince: n(4_000),
  leaseUntil: n(6_000),
  coolUntil: n(7_000),
  coolCause: { B: Uint8Array.of(3) }
} satisfies Item.Item

describe("Item", () => {
  it("is read as the entry that it is", () => {
    expect(Item.decode(whole)).toEqual({
      rev: "r",
      entry: {
        kept: {
          value: { bytes: Uint8Array.of(1, 2) },
          filledAt: 1_000,
          took: 30,
          lifetime: { fresh: 4_000, stale: 2_000 }
        },
        lease: { owner: "me", token: Token("t"), since: 4_000, until: 6_000 },
        cooldown: { until: 7_000, cause: { bytes: Uint8Array.of(3) } }
      }
    })
  })

  it("is nothing where there is none, or none of ours", () => {
    const nothing = { entry: undefined, rev: undefined }
    const { rev: _, ...foreign } = whole
    expect(Item.decode(undefined)).toEqual(nothing)
    expect(Item.decode(foreign)).toEqual(nothing)
    expect(Item.decode({ ...whole, rev: n(1) })).toEqual(nothing)
    expect(Item.decode({ rev: { S: "r" } })).toEqual({ entry: undefined, rev: "r" })
  })

  it("has only the parts that are whole", () => {
    for (const name of ["v", "filledAt", "took", "freshUntil", "staleMs"]) {
      expect(Item.decode({ ...whole, [name]: { S: "x" } }).entry, name).toMatchObject({ kept: undefined, lease: {} })
    }
    for (const name of ["leaseOwner", "leaseToken", "leaseSince", "leaseUntil"]) {
      expect(Item.decode({ ...whole, [name]: { BOOL: true } }).entry, name).toMatchObject({
        lease: undefined,
        kept: {}
      })
    }
    expect(Item.decode({ ...whole, coolUntil: { N: "x" } }).entry).toMatchObject({ cooldown: undefined })
  })

  it("never took less than 0, whatever the clocks showed", () => {
    expect(Item.decode({ ...whole, took: n(-5) }).entry?.kept?.took).toBe(0)
  })

  it("keeps an endless time as a number, and reads it as endless", () => {
    const { freshUntil, keptUntil, stale } = Item.lifetimeOf(1_000, { fresh: Number.POSITIVE_INFINITY, stale: 5 })
    expect([freshUntil, keptUntil, stale].every(Number.isSafeInteger)).toBe(true)
    const entry = Item.decode({ ...whole, freshUntil: Item.number(freshUntil), staleMs: Item.number(stale) }).entry
    expect(entry?.kept?.lifetime).toEqual({ fresh: Number.POSITIVE_INFINITY, stale: 5 })
    expect(Item.keptUntilOf(entry, 1e12)).toBe(keptUntil)
  })

  it("rounds lifetimes down, leases up, and the second of collection up", () => {
    expect(Item.lifetimeOf(1_000, { fresh: 10.9, stale: 0.9 })).toEqual({
      freshUntil: 1_010,
      keptUntil: 1_010,
      stale: 0
    })
    expect([Item.atLeast(0.1), Item.atLeast(-1), Item.atMost(-1)]).toEqual([1, 0, 0])
    expect([Item.seconds(1), Item.seconds(1_000), Item.seconds(1_001)]).toEqual([{ N: "1" }, { N: "1" }, { N: "2" }])
  })
})

import { describe, expect, it } from "vitest"
import * as Requests from "../src/Requests.ts"

const hex = (bytes: Buffer) =>
  bytes
    .toString("hex")
    .replace(/(.{16})/g, "$1 ")
    .trim()

describe("a request", () => {
  it("has the bytes of the protocol", () => {
    expect(hex(Requests.get("key"))).toBe("8000000300000000 0000000300000000 0000000000000000 6b6579")
    expect(hex(Requests.set("k", Uint8Array.of(0xff), 5))).toBe(
      "8001000108000000 0000000a00000000 0000000000000000 0000000000000005 6bff"
    )
    expect(hex(Requests.add("k", Uint8Array.of(), 0x01020304))).toBe(
      "8002000108000000 0000000900000000 0000000000000000 0000000001020304 6b"
    )
    expect(hex(Requests.replace("k", 0x0102030405060708n, Uint8Array.of(1), 0))).toBe(
      "8003000108000000 0000000a00000000 0102030405060708 0000000000000000 6b01"
    )
    expect(hex(Requests.remove("k", 7n))).toBe("8004000100000000 0000000100000000 0000000000000007 6b")
  })

  it("is marked by a number of 32 bits", () => {
    const bytes = Requests.get("k")
    Requests.number(bytes, 0xffff_ffff)
    expect(bytes.readUInt32BE(12)).toBe(0xffff_ffff)
  })

  it("takes only its view of a larger buffer", () => {
    const view = new Uint8Array(new ArrayBuffer(16), 4, 2)
    view.set([1, 2])
    expect([...Requests.set("k", view, 0).subarray(-3)]).toEqual([0x6b, 1, 2])
  })
})

describe("an expiry", () => {
  const wall = Date.UTC(2026, 0, 1)
  const day = 24 * 60 * 60

  it("is a span of whole seconds, never shorter than the lifetime", () => {
    expect([0, 1, 999, 1000, 1001, 60_000].map((ttl) => Requests.expiryOf(ttl, wall))).toEqual([1, 2, 2, 2, 3, 61])
  })

  it("is an instant beyond 30 days, which Memcached would take for one", () => {
    const longest = (30 * day - 1) * 1000
    expect(Requests.expiryOf(longest, wall)).toBe(30 * day)
    expect(Requests.expiryOf(longest + 1, wall)).toBe(wall / 1000 + 30 * day + 1)
    expect(Requests.expiryOf(365 * day * 1000, wall)).toBe(wall / 1000 + 365 * day + 1)
  })

  it("is never, for an endless lifetime or one beyond the field", () => {
    expect(Requests.expiryOf(Number.POSITIVE_INFINITY, wall)).toBe(0)
    expect(Requests.expiryOf(100 * 365 * day * 1000, wall)).toBe(0)
  })

  it("is no negative number", () => {
    expect(Requests.expiryOf(-5_000, wall)).toBe(1)
  })
})

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decode, encode, type Info, tagsOf } from "../../src/codec/Envelope.ts"

const payload = new Uint8Array([9, 8, 7])
const plain: Info = { cost: 0, tags: [] }

const info = fc.record({
  cost: fc.nat({ max: 2 ** 31 - 1 }),
  tags: fc.array(
    fc.record({ name: fc.string().filter((name) => name.isWellFormed()), version: fc.string({ unit: "grapheme" }) }),
    { maxLength: 5 }
  )
})

describe("Envelope", () => {
  it("brings payload, cost and tags back", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), info, (payload, codec, info) => {
        expect(decode(encode(payload, codec, info), codec)).toEqual({ ...info, payload })
      }),
      { numRuns: 500 }
    )
  })

  it("costs a few bytes", () => {
    expect(encode(payload, "default", plain)).toHaveLength(3 + 5)
    expect(encode(payload, "default", { cost: 200, tags: [] })).toHaveLength(3 + 6)
    expect(encode(payload, "default", { cost: 60_000, tags: [] })).toHaveLength(3 + 7)
    const tags = [{ name: "user:1", version: "" }]
    expect(encode(payload, "default", { cost: 0, tags })).toHaveLength(3 + 5 + 1 + 1 + 6 + 1)
  })

  it("has the same layout in every release", () => {
    const bytes = encode(payload, "default", { cost: 300, tags: [{ name: "a", version: "b" }] })
    expect(Buffer.from(bytes).toString("hex")).toBe("0101e5c8ac020101610162090807")
  })

  it("gives the payload as a view, and an empty one too", () => {
    const bytes = encode(payload, "default", plain)
    expect(decode(bytes, "default")?.payload.buffer).toBe(bytes.buffer)
    expect(decode(encode(new Uint8Array(0), "x", plain), "x")?.payload).toHaveLength(0)
  })

  it("reads a view in the middle of other bytes", () => {
    const bytes = encode(payload, "default", plain)
    const around = new Uint8Array(50).fill(1)
    around.set(bytes, 20)
    expect(decode(around.subarray(20, 20 + bytes.length), "default")?.payload).toEqual(payload)
  })

  it("is unreadable for another codec, another version and unknown flags", () => {
    const bytes = encode(payload, "default", plain)
    expect(decode(bytes, "json")).toBeUndefined()
    expect(decode(bytes.with(0, 2), "default")).toBeUndefined()
    for (const flags of [4, 8, 128, 255]) expect(decode(bytes.with(1, flags), "default")).toBeUndefined()
  })

  it("skips the extra bytes of a later release", () => {
    const bytes = encode(payload, "default", plain)
    const extra = new Uint8Array([...bytes.subarray(0, 5), 2, 55, 66, ...payload]).with(1, 2)
    expect(decode(extra, "default")).toEqual({ ...plain, payload })
    expect(decode(extra.with(5, 6), "default")).toBeUndefined()
  })

  it("is unreadable when cut anywhere in its header, and never throws", () => {
    const bytes = encode(payload, "default", { cost: 5000, tags: [{ name: "user", version: "x1" }] })
    for (let length = 0; length < bytes.length - payload.length; length++) {
      expect(decode(bytes.subarray(0, length), "default")).toBeUndefined()
    }
  })

  it("answers for any bytes, at once", () => {
    const headed = fc
      .uint8Array({ maxLength: 40 })
      .map((rest) => new Uint8Array([...encode(new Uint8Array(0), "default", plain).subarray(0, 4), ...rest]))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), headed), fc.integer({ min: 0, max: 3 }), (given, flags) => {
        const decoded = decode(given.length > 1 ? given.with(1, flags) : given, "default")
        expect(decoded === undefined || decoded.payload.length < given.length).toBe(true)
      }),
      { numRuns: 1000 }
    )
  })

  it("believes no count, length or number that the bytes contradict", () => {
    const head = [...encode(new Uint8Array(0), "default", plain).subarray(0, 4)]
    const huge = [255, 255, 255, 255, 255, 255, 255, 15]
    const lies = [
      [...head.with(1, 1), 0, ...huge],
      [...head.with(1, 1), 0, 1, ...huge, 1],
      [...head.with(1, 1), 0, 1, 2, 0xff, 0xff, 0],
      [...head.with(1, 2), 0, ...huge],
      [...head, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
      [...head, 128]
    ]
    for (const bytes of lies) expect(decode(new Uint8Array(bytes), "default")).toBeUndefined()
  })

  it("reads as many tags as it writes, and no more", () => {
    const tags = Array.from({ length: 257 }, (_, n) => ({ name: `t${n}`, version: "" }))
    const most = encode(payload, "default", { cost: 0, tags: tags.slice(1) })
    expect(decode(most, "default")?.tags).toHaveLength(256)
    expect(() => encode(payload, "default", { cost: 0, tags })).toThrow(RangeError)
    // The count is two bytes: 256 is 128, 2.
    expect(decode(most.with(5, 129), "default")).toBeUndefined()
    expect(tagsOf(most.with(5, 129))).toBeUndefined()
  })

  it("refuses to write a value that it could not read", () => {
    for (const cost of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => encode(payload, "default", { cost, tags: [] })).toThrow(RangeError)
    }
    expect(() => encode(payload, "default", { cost: 0, tags: [{ name: "\ud800", version: "" }] })).toThrow(TypeError)
  })
})

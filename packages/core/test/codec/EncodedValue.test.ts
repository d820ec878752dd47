import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, expectTypeOf, it, vi } from "vitest"
import * as Codec from "../../src/codec/Codec.ts"
import {
  DecodedCopy,
  decodeValue,
  EncodedValue,
  encodedValue,
  tagsOf,
  Unreadable
} from "../../src/codec/EncodedValue.ts"
import { EncodeFailed } from "../../src/contract/CacheLockingError.ts"

const counted = () => {
  const encode = vi.fn(Codec.default.encode)
  const decode = vi.fn(Codec.default.decode)
  return { name: "default", encode, decode } satisfies Codec.SyncCodec<any>
}

const later: Codec.AsyncCodec<string> = {
  name: "later",
  async: true,
  encode: async (value) => Codec.string.encode(value),
  decode: async (bytes) => Codec.string.decode(bytes)
}

const tags = [{ name: "user:1", version: "v1" }]

describe("encodedValue", () => {
  it("keeps value, cost and tags, and encodes nothing until bytes are read", () => {
    const codec = counted()
    const value = { a: 1 }
    const encoded = encodedValue(value, codec, { cost: 12.4, tags })
    expectTypeOf(encoded.value).toEqualTypeOf<{ a: number }>()
    expect(encoded.value).toBe(value)
    expect(encoded.cost).toBe(12)
    expect(encoded.tags).toBe(tags)
    expect(decodeValue(encoded, codec)).toBe(encoded)
    expect(encoded.encoded).toBe(false)
    expect(codec.encode).not.toHaveBeenCalled()
    expect(codec.decode).not.toHaveBeenCalled()
  })

  it("encodes once, when bytes are first read", () => {
    const codec = counted()
    const encoded = encodedValue([1], codec)
    const bytes = encoded.bytes
    expect(encoded.bytes).toBe(bytes)
    encoded.encode()
    expect(encoded.encoded).toBe(true)
    expect(codec.encode).toHaveBeenCalledTimes(1)
    expect(encoded).toMatchObject({ cost: 0, tags: [] })
  })

  it("throws EncodeFailed, with the cause and without the value", () => {
    const encoded = encodedValue({ secret: () => "secret" }, Codec.default)
    for (const read of [() => encoded.bytes, () => encoded.encode()]) {
      expect(read).toThrow(EncodeFailed)
      expect(read).toThrow(/^The codec default cannot encode the value$/)
    }
    try {
      void encoded.bytes
    } catch (error) {
      expect(error).toMatchObject({ context: { phase: "encode" }, cause: expect.any(TypeError) })
    }
    expect(() => encodedValue(1, Codec.default, { cost: Number.POSITIVE_INFINITY }).bytes).toThrow(EncodeFailed)
    expect(() => encodedValue(1, Codec.default, { tags: [{ name: "\ud800", version: "" }] }).bytes).toThrow(
      EncodeFailed
    )
  })

  it("needs encode first when the codec is asynchronous", async () => {
    const encoded = encodedValue("x", later)
    expect(() => encoded.bytes).toThrow(EncodeFailed)
    const done = encoded.encode()
    expect(done).toBeInstanceOf(Promise)
    await done
    expect(encoded.bytes).toBe(encoded.bytes)
    expect(encoded.encode()).toBeUndefined()
  })

  it("rejects with EncodeFailed when an asynchronous codec fails, early or late", async () => {
    const early: Codec.AsyncCodec<string> = { ...later, encode: () => raise("no") }
    const late: Codec.AsyncCodec<string> = { ...later, encode: async () => raise("no") }
    expect(() => encodedValue("x", early).encode()).toThrow(EncodeFailed)
    await expect(encodedValue("x", late).encode()).rejects.toBeInstanceOf(EncodeFailed)
    await expect(encodedValue("\ud800", late).encode()).rejects.toMatchObject({ cause: "no" })
  })

  it("is small: three fields, and nothing else per value", () => {
    expect(Reflect.ownKeys(encodedValue("x", Codec.default))).toHaveLength(3)
    setFlagsFromString("--expose-gc")
    const gc = runInNewContext("gc") as () => void
    const count = 50_000
    const keep: Array<unknown> = Array.from({ length: count }, () => undefined)
    gc()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < count; i++) keep[i] = encodedValue("x", Codec.default, { cost: i })
    gc()
    // 48 bytes on Node 24: a header of 24 and three fields.
    expect((process.memoryUsage().heapUsed - before) / count).toBeLessThan(60)
    expect(keep).toHaveLength(count)
  })
})

describe("decodeValue", () => {
  const foreign = (encoded: EncodedValue<any>) => ({ bytes: new Uint8Array(encoded.bytes) })

  it("decodes the bytes of another process", () => {
    const value = { at: new Date(5) }
    const got = decodeValue(foreign(encodedValue(value, Codec.default, { cost: 250, tags })), Codec.default)
    expect(got).toBeInstanceOf(EncodedValue)
    expect(got).toMatchObject({ value, cost: 250, tags })
  })

  it("can be encoded again", () => {
    const bytes = encodedValue("x", Codec.string, { cost: 3, tags }).bytes
    const again = decodeValue({ bytes }, Codec.string) as EncodedValue<string>
    expect(again.encoded).toBe(false)
    expect(again.bytes).toEqual(bytes)
  })

  it.each([undefined, null, 0, "", false])("keeps %s, which is a value", (value) => {
    expect(decodeValue(foreign(encodedValue(value, Codec.default)), Codec.default)).toMatchObject({ value })
  })

  it("returns a promise only for an asynchronous codec", async () => {
    const encoded = encodedValue("x", later)
    await encoded.encode()
    const got = decodeValue(foreign(encoded), later)
    expect(got).toBeInstanceOf(Promise)
    expect(await got).toMatchObject({ value: "x" })
    const compressed = Codec.compressed(Codec.string)
    const small = encodedValue("x", compressed)
    expect(small.encode()).toBeUndefined()
    expect(decodeValue(foreign(small), compressed)).toBeInstanceOf(EncodedValue)
  })

  it("is a miss for an envelope of another codec or version, and for no envelope", () => {
    const bytes = encodedValue("x", Codec.string).bytes
    const strict = { ...Codec.string, onInvalid: "fail" } as const
    const foreign = [Codec.default, strict].flatMap((codec) =>
      [codec === strict ? bytes.with(0, 9) : bytes, new Uint8Array(0), new TextEncoder().encode("OK")].map((bytes) =>
        decodeValue({ bytes }, codec)
      )
    )
    for (const got of foreign) expect(got).toMatchObject({ _tag: "Unreadable", reason: "envelope", fatal: false })
  })

  it("is a miss for a payload that the codec refuses, or fatal if the codec says so", async () => {
    const damaged = { bytes: new Uint8Array([...encodedValue("", Codec.string).bytes, 255]) }
    expect(decodeValue(damaged, Codec.string)).toMatchObject({ reason: "payload", fatal: false })
    const got = decodeValue(damaged, { ...Codec.string, onInvalid: "fail" })
    expect(got).toBeInstanceOf(Unreadable)
    expect(got).toMatchObject({ reason: "payload", fatal: true, cause: expect.any(TypeError) })
    const late = { ...later, name: "string", onInvalid: "fail" } as const
    expect(await decodeValue(damaged, late)).toMatchObject({ reason: "payload", fatal: true })
  })
})

describe("DecodedCopy", () => {
  it("is decoded once by a codec, keeps its bytes, and is not given to another codec", () => {
    const codec = counted()
    const { bytes } = encodedValue({ a: 1 }, codec, { tags })
    const copy = new DecodedCopy(bytes)
    expect(copy.decodedBy(codec)).toBeUndefined()
    const decoded = decodeValue(copy, codec) as EncodedValue<any>
    expect(decodeValue(copy, codec)).toBe(decoded)
    expect(copy.decodedBy(codec)).toBe(decoded)
    expect(decoded.bytes).toBe(bytes)
    expect(codec.decode).toHaveBeenCalledTimes(1)
    expect(decodeValue(copy, counted())).not.toBe(decoded)
    expect(decodeValue(copy, Codec.string)).toBeInstanceOf(Unreadable)
  })

  it("is decoded at once when an asynchronous codec has decoded it before", async () => {
    const encoded = encodedValue("x", later)
    await encoded.encode()
    const copy = new DecodedCopy(encoded.bytes)
    const decoded = await decodeValue(copy, later)
    expect(decodeValue(copy, later)).toBe(decoded)
  })
})

describe("tagsOf", () => {
  it("reads the tags of a value of any codec", () => {
    const encoded = encodedValue("x", Codec.string, { tags })
    expect(tagsOf(encoded)).toBe(encoded.tags)
    expect(tagsOf({ bytes: encoded.bytes })).toEqual(tags)
    expect(tagsOf({ bytes: encodedValue("x", Codec.string).bytes })).toEqual([])
    expect(tagsOf({ bytes: new TextEncoder().encode("no envelope") })).toEqual([])
    expect(tagsOf({ bytes: encoded.bytes.subarray(0, 8) })).toBeUndefined()
  })
})

const raise = (what: unknown): never => {
  throw what
}

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

describe("seal", () => {
  it("keeps value, cost and tags, and encodes nothing while nobody asks", () => {
    const codec = counted()
    const value = { a: 1 }
    const sealed = encodedValue(value, codec, { cost: 12.4, tags })
    expectTypeOf(sealed.value).toEqualTypeOf<{ a: number }>()
    expect(sealed.value).toBe(value)
    expect(sealed.cost).toBe(12)
    expect(sealed.tags).toBe(tags)
    expect(decodeValue(sealed, codec)).toBe(sealed)
    expect(sealed.encoded).toBe(false)
    expect(codec.encode).not.toHaveBeenCalled()
    expect(codec.decode).not.toHaveBeenCalled()
  })

  it("encodes once, at the first reading of bytes", () => {
    const codec = counted()
    const sealed = encodedValue([1], codec)
    const bytes = sealed.bytes
    expect(sealed.bytes).toBe(bytes)
    sealed.encode()
    expect(sealed.encoded).toBe(true)
    expect(codec.encode).toHaveBeenCalledTimes(1)
    expect(sealed).toMatchObject({ cost: 0, tags: [] })
  })

  it("throws EncodeFailed, with the cause and without the value", () => {
    const sealed = encodedValue({ secret: () => "secret" }, Codec.default)
    for (const read of [() => sealed.bytes, () => sealed.encode()]) {
      expect(read).toThrow(EncodeFailed)
      expect(read).toThrow(/^The codec default cannot encode the value$/)
    }
    try {
      void sealed.bytes
    } catch (error) {
      expect(error).toMatchObject({ context: { phase: "encode" }, cause: expect.any(TypeError) })
    }
    expect(() => encodedValue(1, Codec.default, { cost: Number.POSITIVE_INFINITY }).bytes).toThrow(EncodeFailed)
    expect(() => encodedValue(1, Codec.default, { tags: [{ name: "\ud800", version: "" }] }).bytes).toThrow(
      EncodeFailed
    )
  })

  it("is encoded ahead when the codec is asynchronous", async () => {
    const sealed = encodedValue("x", later)
    expect(() => sealed.bytes).toThrow(EncodeFailed)
    const done = sealed.encode()
    expect(done).toBeInstanceOf(Promise)
    await done
    expect(sealed.bytes).toBe(sealed.bytes)
    expect(sealed.encode()).toBeUndefined()
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

describe("unseal", () => {
  const foreign = (sealed: EncodedValue<any>) => ({ bytes: new Uint8Array(sealed.bytes) })

  it("opens the bytes of another process", () => {
    const value = { at: new Date(5) }
    const got = decodeValue(foreign(encodedValue(value, Codec.default, { cost: 250, tags })), Codec.default)
    expect(got).toBeInstanceOf(EncodedValue)
    expect(got).toMatchObject({ value, cost: 250, tags })
  })

  it("can be sealed again as it is", () => {
    const bytes = encodedValue("x", Codec.string, { cost: 3, tags }).bytes
    const again = decodeValue({ bytes }, Codec.string) as EncodedValue<string>
    expect(again.encoded).toBe(false)
    expect(again.bytes).toEqual(bytes)
  })

  it.each([undefined, null, 0, "", false])("keeps %s, which is a value", (value) => {
    expect(decodeValue(foreign(encodedValue(value, Codec.default)), Codec.default)).toMatchObject({ value })
  })

  it("answers a promise only for an asynchronous codec", async () => {
    const sealed = encodedValue("x", later)
    await sealed.encode()
    const got = decodeValue(foreign(sealed), later)
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

describe("Copy", () => {
  it("is opened once by a codec, keeps its bytes, and is not another codec's", () => {
    const codec = counted()
    const { bytes } = encodedValue({ a: 1 }, codec, { tags })
    const copy = new DecodedCopy(bytes)
    expect(copy.decodedBy(codec)).toBeUndefined()
    const opened = decodeValue(copy, codec) as EncodedValue<any>
    expect(decodeValue(copy, codec)).toBe(opened)
    expect(copy.decodedBy(codec)).toBe(opened)
    expect(opened.bytes).toBe(bytes)
    expect(codec.decode).toHaveBeenCalledTimes(1)
    expect(decodeValue(copy, counted())).not.toBe(opened)
    expect(decodeValue(copy, Codec.string)).toBeInstanceOf(Unreadable)
  })

  it("is there at once when an asynchronous codec has opened it", async () => {
    const sealed = encodedValue("x", later)
    await sealed.encode()
    const copy = new DecodedCopy(sealed.bytes)
    const opened = await decodeValue(copy, later)
    expect(decodeValue(copy, later)).toBe(opened)
  })
})

describe("tagsOf", () => {
  it("tells the tags of a value, whatever its codec", () => {
    const sealed = encodedValue("x", Codec.string, { tags })
    expect(tagsOf(sealed)).toBe(sealed.tags)
    expect(tagsOf({ bytes: sealed.bytes })).toEqual(tags)
    expect(tagsOf({ bytes: encodedValue("x", Codec.string).bytes })).toEqual([])
    expect(tagsOf({ bytes: new TextEncoder().encode("no envelope") })).toEqual([])
    expect(tagsOf({ bytes: sealed.bytes.subarray(0, 8) })).toBeUndefined()
  })
})

const raise = (what: unknown): never => {
  throw what
}

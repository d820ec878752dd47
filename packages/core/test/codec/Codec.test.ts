import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from "node:zlib"
import * as Schema from "effect/Schema"
import fc from "fast-check"
import { describe, expect, expectTypeOf, it } from "vitest"
import * as Codec from "../../src/codec/Codec.ts"
import { InvalidOption } from "../../src/contract/CacheLockingError.ts"

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

describe("Codec.default", () => {
  it("keeps the values that structuredClone keeps", () => {
    const value = { at: new Date(5), tags: new Set(["a"]), big: 5n, none: undefined, bytes: new Uint8Array([1]) }
    expect(Codec.default.decode(Codec.default.encode(value))).toStrictEqual(value)
  })

  it("is a codec of any type", () => {
    expectTypeOf(Codec.default).toExtend<Codec.Codec<Date>>()
    expectTypeOf(Codec.default).toExtend<Codec.SyncCodec<{ readonly id: bigint }>>()
  })
})

describe("Codec.json", () => {
  const codec = Codec.json<unknown>()

  it("writes the bytes of JSON.stringify, and reads them back", () => {
    expect(text(codec.encode({ a: [1, null] }))).toBe('{"a":[1,null]}')
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value)
        if (!json.includes("__proto__")) expect(codec.decode(codec.encode(value))).toEqual(JSON.parse(json))
      })
    )
  })

  it("refuses values that JSON cannot express, instead of storing nothing", () => {
    for (const value of [undefined, () => 1, Symbol("x")]) expect(() => codec.encode(value)).toThrow(TypeError)
    expect(() => codec.encode(1n)).toThrow(TypeError)
  })

  it("refuses other bytes and prototypes, without quoting them", () => {
    for (const bytes of ["", "secret", '{"a":"secret']) {
      expect(() => codec.decode(utf8(bytes))).toThrow(/^(?!.*secret)/)
    }
    expect(() => codec.decode(utf8('[{"__proto__":{}}]'))).toThrow(TypeError)
    expect(codec.decode(utf8('["__proto__"]'))).toEqual(["__proto__"])
  })
})

describe("Codec.string and Codec.bytes", () => {
  it("keep any text, byte for byte", () => {
    const wellFormed = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed())
    fc.assert(
      fc.property(wellFormed, (value) => {
        expect(Codec.string.decode(Codec.string.encode(value))).toBe(value)
      })
    )
    expect(Codec.string.decode(Codec.string.encode("\ufeffx"))).toBe("\ufeffx")
    expect(() => Codec.string.encode("\ud800")).toThrow(TypeError)
    expect(() => Codec.string.decode(new Uint8Array([255]))).toThrow(TypeError)
  })

  it("give bytes as they are, and never a Buffer", () => {
    const value = new Uint8Array([1, 2])
    expect(Codec.bytes.encode(value)).toBe(value)
    expect(Codec.bytes.decode(value)).toBe(value)
    expect(Codec.bytes.decode(Buffer.from([1, 2]))).toStrictEqual(value)
  })
})

describe("Codec.schema", () => {
  class User extends Schema.Class<User>("User")({
    id: Schema.Int,
    at: Schema.Date,
    tags: Schema.ReadonlySet(Schema.String),
    nick: Schema.optional(Schema.String)
  }) {}
  const codec = Codec.schema(User)
  const user = User.make({ id: 1, at: new Date(5), tags: new Set(["a"]) })

  it("keeps the schema's own types through their JSON form", () => {
    expectTypeOf(codec).toEqualTypeOf<Codec.SyncCodec<User>>()
    const got = codec.decode(codec.encode(user))
    expect(got).toBeInstanceOf(User)
    expect(got).toEqual(user)
    expect(JSON.parse(text(codec.encode(user)))).toMatchObject({ id: 1, tags: ["a"] })
  })

  it("is a miss by default, and a failure with onInvalid: fail", () => {
    expect(codec.onInvalid).toBeUndefined()
    expect(Codec.schema(User, { onInvalid: "fail" }).onInvalid).toBe("fail")
  })

  it("refuses bytes that no longer fit the schema, and reports the path and not the value", () => {
    const strict = Codec.schema(Schema.Struct({ id: Schema.Struct({ code: Schema.Int }) }))
    const old = Codec.json<unknown>().encode({ id: { code: "secret" } })
    expect(() => strict.decode(old)).toThrow(/"id"\]\["code"/)
    expect(() => strict.decode(old)).toThrow(/^(?!.*secret)/)
    expect(() => strict.decode(utf8("{"))).toThrow()
    expect(() => strict.encode({ id: { code: 1.5 } })).toThrow()
  })

  it("keeps undefined where the schema has it", () => {
    const maybe = Codec.schema(Schema.UndefinedOr(Schema.BigInt))
    expect(maybe.decode(maybe.encode(undefined))).toBeUndefined()
    expect(maybe.decode(maybe.encode(5n))).toBe(5n)
  })

  it("does not take a schema that needs services", () => {
    type Needy = Schema.Codec<number, string, { readonly Service: unknown }>
    // @ts-expect-error the service is not provided
    expectTypeOf(Codec.schema<number, string>).toBeCallableWith({} as Needy)
  })
})

describe("Codec.compressed", () => {
  const long = "abc ".repeat(1000)

  it("compresses from a size on, and reads both", async () => {
    const codec = Codec.compressed(Codec.string, { from: 100 })
    expectTypeOf(codec).toEqualTypeOf<Codec.AsyncCodec<string>>()
    const small = codec.encode("x".repeat(99))
    expect(small).toHaveLength(100)
    expect(codec.decode(small as Uint8Array)).toBe("x".repeat(99))
    const big = await codec.encode(long)
    expect(big.length).toBeLessThan(100)
    expect(await codec.decode(big)).toBe(long)
  })

  it("starts at 1024 bytes", async () => {
    const codec = Codec.compressed(Codec.string)
    expect(codec.encode("x".repeat(1023))).toHaveLength(1024)
    expect((await codec.encode("x".repeat(1024))).length).toBeLessThan(100)
  })

  it("reads every format, whichever it writes", async () => {
    const written = (["gzip", "deflate", "deflate-raw"] as const).map((format) =>
      Codec.compressed(Codec.string, { format }).encode(long)
    )
    for (const bytes of written) expect(await Codec.compressed(Codec.string).decode(await bytes)).toBe(long)
  })

  it("leaves bytes that do not get smaller uncompressed", async () => {
    const noise = crypto.getRandomValues(new Uint8Array(4000))
    const codec = Codec.compressed(Codec.bytes)
    const bytes = await codec.encode(noise)
    expect(bytes).toHaveLength(4001)
    expect(codec.decode(bytes)).toEqual(noise)
  })

  it("stops a bomb, and writes values over the limit uncompressed, so that they can be read", async () => {
    const codec = Codec.compressed(Codec.string, { maxBytes: 2000 })
    const bytes = await codec.encode(long)
    expect(bytes).toHaveLength(long.length + 1)
    expect(codec.decode(bytes)).toBe(long)
    const bomb = new Uint8Array([1, ...gzipSync(new Uint8Array(100_000))])
    await expect(codec.decode(bomb)).rejects.toThrow(RangeError)
  })

  it("refuses bytes that it did not write", async () => {
    const codec = Codec.compressed(Codec.string)
    expect(() => codec.decode(new Uint8Array([9, 1]))).toThrow(TypeError)
    expect(() => codec.decode(new Uint8Array(0))).toThrow(TypeError)
    await expect(codec.decode(new Uint8Array([1, 1, 2, 3]))).rejects.toThrow()
  })

  it("refuses invalid options", () => {
    for (const options of [{ from: -1 }, { from: Number.NaN }, { maxBytes: 1.5 }, { format: "zip" as "gzip" }]) {
      expect(() => Codec.compressed(Codec.string, options)).toThrow(InvalidOption)
    }
    try {
      Codec.compressed(Codec.string, { from: -1 })
    } catch (error) {
      expect(error).toMatchObject({ option: "from", value: -1, context: { phase: "options" } })
    }
  })
})

describe("the bytes of Codec.compressed", () => {
  const formats = ["gzip", "deflate", "deflate-raw"] as const
  const original = utf8("compress me, ".repeat(10_000))
  const compress = async (bytes: Uint8Array, format: (typeof formats)[number] = "gzip") =>
    Codec.compressed(Codec.bytes, { from: 0, format }).encode(bytes)
  const decompress = async (bytes: Uint8Array, maxBytes: number) =>
    Codec.compressed(Codec.bytes, { maxBytes }).decode(bytes)
  const gzipped = (bytes: Uint8Array) => new Uint8Array([1, ...gzipSync(bytes)])

  it.each(formats)("come back from %s", async (format) => {
    const small = await compress(original, format)
    expect(small.length).toBeLessThan(original.length / 50)
    expect(await decompress(small, original.length)).toEqual(original)
  })

  it("are in the format that zlib knows by this name", async () => {
    const after = async (format: (typeof formats)[number]) => (await compress(original, format)).subarray(1)
    expect(new Uint8Array(gunzipSync(await after("gzip")))).toEqual(original)
    expect(new Uint8Array(inflateSync(await after("deflate")))).toEqual(original)
    expect(new Uint8Array(inflateRawSync(await after("deflate-raw")))).toEqual(original)
  })

  it("may be empty, or compressed in vain", async () => {
    for (const bytes of [new Uint8Array(0), crypto.getRandomValues(new Uint8Array(5000))]) {
      expect(await decompress(gzipped(bytes), 10_000)).toEqual(bytes)
      expect(await decompress(await compress(bytes), 10_000)).toEqual(bytes)
    }
  })

  it("are those of a view, not the bytes around it", async () => {
    const around = new Uint8Array(10_000).fill(1)
    around.fill(2, 10, 9_000)
    const small = await compress(around.subarray(10, 9_000))
    expect(small[0]).toBe(1)
    expect(await decompress(small, 8_990)).toEqual(new Uint8Array(8_990).fill(2))
  })

  it("stop a bomb at the limit, long before it is decompressed", async () => {
    const bomb = gzipped(new Uint8Array(300_000_000))
    const before = process.memoryUsage().rss
    await expect(decompress(bomb, 1_000_000)).rejects.toThrow(RangeError)
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000)
    await expect(decompress(await compress(original), original.length - 1)).rejects.toThrow(RangeError)
  })

  it("are rejected when damaged, and leave no rejection unhandled", async () => {
    const small = await compress(original)
    const unhandled: Array<unknown> = []
    const listen = (reason: unknown) => unhandled.push(reason)
    process.on("unhandledRejection", listen)
    const damaged = [
      new Uint8Array(0),
      new Uint8Array([1, 1, 2, 3]),
      small.subarray(0, small.length - 9),
      small.map((byte, at) => (at === 41 ? byte ^ 255 : byte)),
      new Uint8Array([1, ...small.subarray(6)])
    ]
    for (const bytes of damaged) await expect(decompress(bytes, 1_000_000)).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.off("unhandledRejection", listen)
    expect(unhandled).toEqual([])
  })
})

describe("composition", () => {
  class Money {
    readonly cents: bigint
    constructor(cents: bigint) {
      this.cents = cents
    }
  }
  const money = Codec.map(Codec.default, {
    name: "money",
    encode: (money: Money): bigint => money.cents,
    decode: (cents) => new Money(cents)
  })
  const mirror = (bytes: Uint8Array) => bytes.toReversed()

  it("maps values, and stays synchronous", () => {
    expectTypeOf(money).toEqualTypeOf<Codec.SyncCodec<Money>>()
    expect(money.decode(money.encode(new Money(5n)))).toEqual(new Money(5n))
    expect(money.async).not.toBe(true)
  })

  it("transforms bytes by any step", () => {
    const codec = Codec.transform(Codec.json<ReadonlyArray<number>>(), {
      name: "brotli",
      encode: brotliCompressSync,
      decode: (bytes) => brotliDecompressSync(bytes, { maxOutputLength: 1_000_000 })
    })
    expectTypeOf(codec).toEqualTypeOf<Codec.SyncCodec<ReadonlyArray<number>>>()
    expect(codec.decode(codec.encode([1, 2]))).toEqual([1, 2])
  })

  it("is asynchronous as soon as one part is", async () => {
    const later = Codec.transform(money, {
      name: "later",
      async: true,
      encode: async (bytes) => mirror(bytes),
      decode: async (bytes) => mirror(bytes)
    })
    expectTypeOf(later).toEqualTypeOf<Codec.AsyncCodec<Money>>()
    const around = Codec.map(Codec.transform(later, { name: "mirror", encode: mirror, decode: mirror }), {
      name: "boxed",
      encode: (box: { readonly money: Money }) => box.money,
      decode: (money) => ({ money })
    })
    expect(around.async).toBe(true)
    expect(around.name).toBe("default+money+later+mirror+boxed")
    expect(await around.decode(await around.encode({ money: new Money(7n) }))).toEqual({ money: new Money(7n) })
  })

  it("compresses any codec, in any order, and keeps onInvalid", async () => {
    const strict = Codec.schema(Schema.Array(Schema.Date), { onInvalid: "fail" })
    const codec = Codec.compressed(
      Codec.transform(Codec.compressed(strict, { from: 0 }), { name: "mirror", encode: mirror, decode: mirror }),
      { from: 0, format: "deflate-raw" }
    )
    const value = Array.from({ length: 500 }, (_, day) => new Date(day))
    expect(codec.onInvalid).toBe("fail")
    expect(await codec.decode(await codec.encode(value))).toEqual(value)
  })

  it("does not let a promise into a synchronous codec", () => {
    const step = { name: "wrong", encode: async (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes }
    // @ts-expect-error `async` is missing
    Codec.transform(Codec.string, step)
    expectTypeOf(Codec.transform(Codec.string, { ...step, async: true })).toEqualTypeOf<Codec.AsyncCodec<string>>()
    expectTypeOf<Codec.Type<typeof money>>().toEqualTypeOf<Money>()
    expectTypeOf<Codec.Type<Codec.AsyncCodec<Date>>>().toEqualTypeOf<Date>()
  })
})

describe("Codec.equal", () => {
  const via = { name: "as", encode: (value: any) => value, decode: (value: any) => value }
  const step = { name: "step", encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes }
  const schemas: Readonly<Record<string, () => Schema.ConstraintCodec<any, any>>> = {
    "a struct": () => Schema.Struct({ id: Schema.Int, at: Schema.Date }),
    "with another field": () => Schema.Struct({ id: Schema.Int, on: Schema.Date }),
    "of another type": () => Schema.Struct({ id: Schema.String, at: Schema.Date }),
    "a short text": () => Schema.String.check(Schema.isMaxLength(3)),
    "a longer one": () => Schema.String.check(Schema.isMaxLength(4)),
    "a pattern": () => Schema.String.check(Schema.isPattern(/^a/)),
    "another pattern": () => Schema.String.check(Schema.isPattern(/^b/)),
    "a large number": () => Schema.Literal(1n as never),
    "a larger one": () => Schema.Literal(2n as never)
  }
  const wraps: ReadonlyArray<(codec: Codec.SyncCodec<any>) => Codec.Codec<any>> = [
    (codec) => codec,
    (codec) => Codec.map(codec, via),
    (codec) => Codec.transform(codec, step),
    (codec) => Codec.compressed(Codec.map(codec, via))
  ]

  it("distinguishes schemas that differ in anything, but not one that is written again, also within other codecs", () => {
    for (const wrap of wraps) {
      for (const [one, first] of Object.entries(schemas)) {
        for (const [other, second] of Object.entries(schemas)) {
          const equal = Codec.equal(wrap(Codec.schema(first())), wrap(Codec.schema(second())))
          expect(equal, `${one} and ${other}`).toBe(one === other)
        }
      }
    }
  })

  it("distinguishes formats by their names", () => {
    const codecs = [Codec.default, Codec.json(), Codec.string, Codec.bytes, Codec.schema(Schema.Int)] as ReadonlyArray<
      Codec.SyncCodec<any>
    >
    for (const wrap of wraps) {
      for (const one of codecs) {
        for (const other of codecs) expect(Codec.equal(wrap(one), wrap(other))).toBe(one === other)
      }
    }
    expect(Codec.equal(Codec.string, Codec.map(Codec.string, via))).toBe(false)
  })
})

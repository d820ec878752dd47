import { Codec, Envelope } from "@cache-locking/core"
import { expect, it } from "vitest"
import { Decoded, Decoder } from "../../src/cache/Decoder.ts"
import { compact, payloadOf } from "../../src/wire/Compact.ts"

const head = (codec: Codec.Codec<any>, flags = 0): Buffer => {
  const bytes = Buffer.from(Envelope.encode(new Uint8Array(), codec.name, { cost: 0, tags: [] }))
  bytes[1] = flags
  return bytes.subarray(0, -1)
}

/** The milliseconds that a load took, as core writes them: seven bits a byte, the lowest first. */
const costs = [
  { took: 0, cost: [0] },
  { took: 127, cost: [127] },
  { took: 300, cost: [0xac, 2] },
  // Its last byte is also the mark of text.
  { took: 14_720, cost: [0x80, 0x73] },
  { took: 2_097_151, cost: [0xff, 0xff, 0x7f] }
]

const written = (
  value: unknown,
  codec: Codec.SyncCodec<any> = Codec.default,
  cost: ReadonlyArray<number> = [0],
  flags = 0
): Uint8Array => new Uint8Array(Buffer.concat([head(codec, flags), Buffer.from(cost), codec.encode(value)]))

const values = ["", "text", "7", "ünïcode ✓", "x".repeat(2_000), 0, null, undefined, { a: [1, "b"] }, new Map([[1, 2]])]

it.each(costs)("decodes core's bytes of a load that took $took ms", ({ cost }) => {
  for (const value of values) {
    const bytes = written(value, Codec.default, cost)
    const decoder = new Decoder<unknown>(undefined)
    for (const payload of [bytes, payloadOf(compact({ bytes }))]) {
      expect(decoder.decode(payload, true)).toEqual(new Decoded(value))
      expect(decoder.decode(payload, false)).toEqual(new Decoded(value))
    }
  }
})

it("decodes the bytes of a codec of its own", () => {
  const bytes = written({ a: 1 }, Codec.json())
  for (const payload of [bytes, payloadOf(compact({ bytes }))]) {
    expect(new Decoder<unknown>(Codec.json()).decode(payload, false)).toEqual(new Decoded({ a: 1 }))
    expect(new Decoder<unknown>(undefined).decode(payload, false)).toBeUndefined()
  }
})

it("leaves to core values with tags, bytes that are no value, and codecs that need a promise", () => {
  const slow: Codec.AsyncCodec<any> = {
    name: "default",
    async: true,
    encode: async (value) => Codec.default.encode(value),
    decode: async (bytes) => Codec.default.decode(bytes)
  }
  const decoder = new Decoder<unknown>(undefined)
  const odd = [
    written("tagged", Codec.default, [0], 1),
    new Uint8Array(),
    new Uint8Array(7),
    written("value").subarray(0, 5),
    Buffer.concat([written("").subarray(0, 5), Buffer.from("?")])
  ]
  for (const bytes of odd) {
    for (const payload of [bytes, payloadOf(compact({ bytes }))]) {
      expect(decoder.decode(payload, true)).toBeUndefined()
    }
  }
  expect(new Decoder<unknown>(slow).decode(written("value"), false)).toBeUndefined()
})

it("returns no view of the kept bytes", () => {
  const kept = written(new Uint8Array([1, 2, 3]))
  const before = kept.slice()
  const opened = new Decoder<Uint8Array>(undefined).decode(kept, true)!
  opened.value.fill(9)
  const own = new Decoder<Uint8Array>(Codec.bytes).decode(written(new Uint8Array([1]), Codec.bytes), true)!
  own.value.fill(9)
  expect(kept).toEqual(before)
})

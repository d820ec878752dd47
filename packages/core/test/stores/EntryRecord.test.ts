import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Token } from "../../src/contract/Adapter.ts"
import type { Entry } from "../../src/contract/Entry.ts"
import * as EntryRecord from "../../src/stores/EntryRecord.ts"

const instant = fc.oneof(fc.double({ noNaN: true }), fc.constant(Infinity), fc.integer({ min: 0 }))
const value = fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ bytes }))
const text = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => text.isWellFormed())

const entry: fc.Arbitrary<Entry> = fc
  .record({
    kept: fc.option(
      fc.record({
        value,
        filledAt: instant,
        took: instant,
        lifetime: fc.record({ fresh: instant, stale: instant })
      }),
      { nil: undefined }
    ),
    lease: fc.option(fc.record({ owner: text, token: text.map(Token), since: instant, until: instant }), {
      nil: undefined
    }),
    cooldown: fc.option(fc.record({ until: instant, cause: fc.option(value, { nil: undefined }) }), { nil: undefined })
  })
  .filter((entry) => Object.values(entry).some((part) => part !== undefined))

const sample: Entry = {
  kept: { value: { bytes: Uint8Array.of(1, 2, 3) }, filledAt: 10, took: 7, lifetime: { fresh: 5, stale: Infinity } },
  lease: { owner: "é", token: Token("t"), since: 90, until: 99 },
  cooldown: undefined
}

describe("EntryRecord", () => {
  it("brings every entry back unchanged", () => {
    fc.assert(
      fc.property(entry, (entry) => {
        expect(EntryRecord.decode(EntryRecord.encode(entry))).toEqual(entry)
      })
    )
  })

  it("adds 39 bytes to a value and nothing for absent parts", () => {
    const kept = { value: { bytes: new Uint8Array(100) }, filledAt: 0, took: 0, lifetime: { fresh: 1, stale: 1 } }
    expect(EntryRecord.encode({ kept, lease: undefined, cooldown: undefined }).byteLength).toBe(139)
  })

  it("has a record for no entry, which reads as no entry", () => {
    expect(EntryRecord.encode(undefined).byteLength).toBe(3)
    expect(EntryRecord.decode(EntryRecord.encode(undefined))).toBeUndefined()
  })

  it("keeps an owner that begins with a byte order mark", () => {
    const lease = { owner: "\ufeffa", token: Token("\ufeff"), since: 0, until: 1 }
    const given: Entry = { kept: undefined, lease, cooldown: undefined }
    expect(EntryRecord.decode(EntryRecord.encode(given))).toEqual(given)
  })

  it("keeps the numbers apart", () => {
    const { kept, lease } = EntryRecord.decode(EntryRecord.encode(sample))!
    expect([kept!.filledAt, kept!.took, kept!.lifetime.fresh, kept!.lifetime.stale]).toEqual([10, 7, 5, Infinity])
    expect([lease!.since, lease!.until]).toEqual([90, 99])
  })

  it("reads a record inside a larger buffer", () => {
    const record = EntryRecord.encode(sample)
    const buffer = new Uint8Array(record.byteLength + 20).fill(7)
    buffer.set(record, 10)
    expect(EntryRecord.decode(buffer.subarray(10, 10 + record.byteLength))).toEqual(sample)
  })

  it("reads as no entry when cut anywhere, or when bytes follow", () => {
    const record = EntryRecord.encode(sample)
    for (let length = 0; length < record.byteLength; length++) {
      expect(EntryRecord.decode(record.subarray(0, length))).toBeUndefined()
    }
    expect(EntryRecord.decode(new Uint8Array([...record, 0]))).toBeUndefined()
  })

  it("reads as no entry with another mark, version or flag", () => {
    for (const [at, byte] of [
      [0, 0x7b],
      [1, 2],
      [2, 0x80]
    ] as const) {
      const record = EntryRecord.encode(sample)
      record[at] = byte
      expect(EntryRecord.decode(record)).toBeUndefined()
    }
  })

  it("reads as no entry when a number is NaN or a text is not UTF-8", () => {
    const number = EntryRecord.encode(sample)
    new DataView(number.buffer).setFloat64(3, Number.NaN)
    expect(EntryRecord.decode(number)).toBeUndefined()
    const text = EntryRecord.encode(sample)
    text[text.length - 1] = 0xff
    expect(EntryRecord.decode(text)).toBeUndefined()
  })

  it("never throws, whatever the bytes", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((rest) => new Uint8Array([0xe5, 1, ...rest]))
    )
    fc.assert(
      fc.property(anything, (bytes) => {
        EntryRecord.decode(bytes)
      }),
      { numRuns: 2000 }
    )
  })
})

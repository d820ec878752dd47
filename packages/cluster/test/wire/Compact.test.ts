import * as fc from "fast-check"
import { expect, it } from "vitest"
import { bytesOf, compact, payloadOf } from "../../src/wire/Compact.ts"

it("all bytes come back as they were", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_100 }), (bytes) => {
      const kept = compact({ bytes: bytes.slice() })
      expect(bytesOf(payloadOf(kept))).toEqual(bytes)
      expect(kept.bytes).toEqual(bytes)
    }),
    { numRuns: 500 }
  )
})

it("a small value becomes text that is a few characters longer, and stays text", () => {
  const kept = compact({ bytes: new Uint8Array(100).fill(200) })
  expect(payloadOf(kept)).toHaveLength(106)
  expect(compact(kept)).toBe(kept)
  for (const length of [0, 4, 1_025]) {
    const value = { bytes: new Uint8Array(length) }
    expect(compact(value)).toBe(value)
  }
})

it("the text of core's header has no character that JSON escapes", () => {
  const payload = payloadOf(compact({ bytes: new Uint8Array([1, 0, 200, 34, 0, 65, 66]) })) as string
  expect(JSON.stringify(payload)).toBe('"a0100c82200AB"')
})

it("a kept value cannot be changed from outside", () => {
  const given = new Uint8Array([1, 2, 3, 4, 5, 6])
  const kept = compact({ bytes: given })
  given.fill(9)
  kept.bytes.fill(9)
  expect(kept.bytes).toEqual(new Uint8Array([1, 2, 3, 4, 5, 6]))
})

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Reply from "../src/Reply.ts"

/** As Postgres writes it with `bytea_output = 'escape'`. */
const escaped = (bytes: Uint8Array): Buffer =>
  Buffer.concat(
    [...bytes].map((byte) => {
      if (byte === 0x5c) return Buffer.from("\\\\")
      if (byte >= 0x20 && byte < 0x7f) return Buffer.of(byte)
      return Buffer.from(`\\${byte.toString(8).padStart(3, "0")}`)
    })
  )

describe("bytes", () => {
  it("are read in either form that a server may write them in", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.array(fc.constantFrom(0x5c, 0x78, 0x30, 0)).map((bytes) => Uint8Array.from(bytes))
        ),
        (bytes) => {
          for (const field of [escaped(bytes), Buffer.from(`\\x${Buffer.from(bytes).toString("hex")}`)]) {
            const read = Reply.bytesOf(field)
            expect(Buffer.compare(read, bytes)).toBe(0)
            expect(read.buffer.byteLength).toBe(bytes.byteLength)
          }
        }
      )
    )
  })

  it("of text are its UTF-8, byte order mark and all", () => {
    for (const text of ["", "é😀", "\ufeffa", "\\x41", "a\u0000b"]) {
      expect(Reply.textOf(escaped(new TextEncoder().encode(text)))).toBe(text)
    }
  })
})

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { memcachedCommands } from "../../src/index.ts"

const read = (chunks: ReadonlyArray<Buffer>) => {
  const seen: Array<[string, ReadonlyArray<string>]> = []
  const reader = memcachedCommands((name, args) => seen.push([name, args]))
  for (const chunk of chunks) reader.read(chunk)
  return seen
}

const request = (code: number, key: string, rest: { extras?: Buffer; value?: Buffer; cas?: bigint } = {}): Buffer => {
  const { cas = 0n, extras = Buffer.alloc(0), value = Buffer.alloc(0) } = rest
  const header = Buffer.alloc(24)
  header[0] = 0x80
  header[1] = code
  header.writeUInt16BE(Buffer.byteLength(key), 2)
  header[4] = extras.length
  header.writeUInt32BE(extras.length + Buffer.byteLength(key) + value.length, 8)
  header.writeBigUInt64BE(cas, 16)
  return Buffer.concat([header, extras, Buffer.from(key), value])
}

const several = Buffer.concat([
  request(0x00, "a key"),
  request(0x01, "k", { extras: Buffer.alloc(8, 0x80), value: Buffer.alloc(300, 0x80) }),
  request(0x03, "k", { extras: Buffer.alloc(8), value: Buffer.from("v"), cas: 18_446_744_073_709_551_615n }),
  request(0x04, "k", { cas: 7n }),
  request(0x0a, ""),
  request(0x02, "x".repeat(250), { extras: Buffer.alloc(8) }),
  request(0x3a, "k")
])

const expected = [
  ["GET", ["a key"]],
  ["SET", ["k"]],
  ["REPLACE", ["k", "18446744073709551615"]],
  ["DELETE", ["k", "7"]],
  ["NOOP", [""]],
  ["ADD", ["x".repeat(128)]],
  ["0X3A", ["k"]]
]

describe("memcachedCommands", () => {
  it("reads pipelined requests, with their versions", () => {
    expect(read([several])).toEqual(expected)
  })

  it("reads the same, wherever the bytes are cut", () => {
    expect(read([...several].map((byte) => Buffer.of(byte)))).toEqual(expected)
    fc.assert(
      fc.property(fc.array(fc.nat(several.length)), (cuts) => {
        const places = [...new Set([0, ...cuts, several.length])].sort((a, b) => a - b)
        expect(read(places.slice(1).map((end, i) => several.subarray(places[i], end)))).toEqual(expected)
      })
    )
  })

  it("tells a request when its last byte has come", () => {
    const bytes = request(0x01, "k", { value: Buffer.from("value") })
    expect(read([bytes.subarray(0, -1)])).toEqual([])
    expect(read([bytes.subarray(0, -1), bytes.subarray(-1)])).toEqual([["SET", ["k"]]])
  })

  it("leaves another protocol alone", () => {
    expect(read([Buffer.from("get k\r\n"), several])).toEqual([])
    expect(read([request(0x00, "k"), Buffer.from([0x81]), several])).toEqual([["GET", ["k"]]])
  })
})

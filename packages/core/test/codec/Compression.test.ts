import { gunzipSync, gzipSync, inflateRawSync, inflateSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { compress, decompress, formats } from "../../src/codec/Compression.ts"

const text = new TextEncoder().encode("compress me, ".repeat(10_000))

describe("Compression", () => {
  it.each(formats)("%s comes back", async (format) => {
    const small = await compress(text, format)
    expect(small.length).toBeLessThan(text.length / 50)
    expect(await decompress(small, format, text.length)).toEqual(text)
  })

  it("is the format that zlib knows by this name", async () => {
    expect(new Uint8Array(gunzipSync(await compress(text, "gzip")))).toEqual(text)
    expect(new Uint8Array(inflateSync(await compress(text, "deflate")))).toEqual(text)
    expect(new Uint8Array(inflateRawSync(await compress(text, "deflate-raw")))).toEqual(text)
  })

  it("brings back empty bytes, and bytes that do not compress", async () => {
    const noise = crypto.getRandomValues(new Uint8Array(5000))
    for (const bytes of [new Uint8Array(0), noise]) {
      expect(await decompress(await compress(bytes, "gzip"), "gzip", 10_000)).toEqual(bytes)
    }
  })

  it("compresses a view, not the bytes around it", async () => {
    const around = new Uint8Array(100).fill(1)
    around.fill(2, 10, 20)
    const back = await decompress(await compress(around.subarray(10, 20), "gzip"), "gzip", 10)
    expect(back).toEqual(new Uint8Array(10).fill(2))
  })

  it("stops a bomb at the limit, long before it is decompressed", async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(300_000_000)))
    const before = process.memoryUsage().rss
    await expect(decompress(bomb, "gzip", 1_000_000)).rejects.toThrow(RangeError)
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000)
    await expect(decompress(await compress(text, "gzip"), "gzip", text.length - 1)).rejects.toThrow(RangeError)
  })

  it("rejects damage, and leaves no rejection unhandled", async () => {
    const small = await compress(text, "gzip")
    const unhandled: Array<unknown> = []
    const listen = (reason: unknown) => unhandled.push(reason)
    process.on("unhandledRejection", listen)
    const damaged = [
      new Uint8Array(0),
      new Uint8Array([1, 2, 3]),
      small.subarray(0, small.length - 9),
      small.map((byte, at) => (at === 40 ? byte ^ 255 : byte)),
      small.subarray(5)
    ]
    for (const bytes of damaged) await expect(decompress(bytes, "gzip", 1_000_000)).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.off("unhandledRejection", listen)
    expect(unhandled).toEqual([])
  })
})

/**
 * Compression with the web platform's streams, which Node and Workers share.
 */

/** The formats of `CompressionStream` that every platform has. */
export type Format = "gzip" | "deflate" | "deflate-raw"

/** The formats. Stored bytes contain their index, so the list may only be appended to. */
export const formats: ReadonlyArray<Format> = ["gzip", "deflate", "deflate-raw"]

/** Compresses `bytes`. */
export const compress = (bytes: Uint8Array, format: Format): Promise<Uint8Array> =>
  run(bytes, new CompressionStream(format), Number.POSITIVE_INFINITY)

/** Decompresses `bytes`. Rejects as soon as more than `maxBytes` come out, or when they are damaged. */
export const decompress = (bytes: Uint8Array, format: Format, maxBytes: number): Promise<Uint8Array> =>
  run(bytes, new DecompressionStream(format), maxBytes)

interface Pipe {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>
}

const run = async (bytes: Uint8Array, pipe: Pipe, maxBytes: number): Promise<Uint8Array> => {
  const writer = pipe.writable.getWriter()
  // The reading side reports damage. Here it would only be an unhandled rejection.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(ignore)
  writer.close().catch(ignore)
  const reader = pipe.readable.getReader()
  const chunks: Array<Uint8Array> = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concat(chunks, size)
    size += value.length
    if (size > maxBytes) {
      reader.cancel().catch(ignore)
      throw new RangeError(`The bytes decompress to more than ${maxBytes} bytes`)
    }
    chunks.push(value)
  }
}

const concat = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const all = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

const ignore = (): void => {}

import type { Reader } from "../proxy/CommandLog.ts"

const headerBytes = 24
const request = 0x80
const keptBytes = 128

/** Names by number; other requests are named by their number. */
const names = new Map([
  [0x00, "GET"],
  [0x01, "SET"],
  [0x02, "ADD"],
  [0x03, "REPLACE"],
  [0x04, "DELETE"],
  [0x05, "INCREMENT"],
  [0x06, "DECREMENT"],
  [0x07, "QUIT"],
  [0x08, "FLUSH"],
  [0x0a, "NOOP"],
  [0x0b, "VERSION"],
  [0x0e, "APPEND"],
  [0x0f, "PREPEND"],
  [0x10, "STAT"],
  [0x1c, "TOUCH"],
  [0x1d, "GAT"],
  [0x20, "SASL_LIST"],
  [0x21, "SASL_AUTH"]
])

/**
 * Reads the requests of one connection from the bytes that a client sends, in pieces cut anywhere: Memcached's binary
 * protocol. At any other bytes it stops reading.
 */
class BinaryReader {
  private readonly header = Buffer.alloc(headerBytes)
  private headerRead = 0
  private bodyRead = 0
  private key = ""
  private opaque = false
  private readonly onCommand: Parameters<Reader>[0]

  constructor(onCommand: Parameters<Reader>[0]) {
    this.onCommand = onCommand
  }

  read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.opaque) {
      at = this.headerRead < headerBytes ? this.readHeader(chunk, at) : this.readBody(chunk, at)
    }
  }

  private readHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(headerBytes - this.headerRead, chunk.length - at)
    chunk.copy(this.header, this.headerRead, at, at + taken)
    this.headerRead += taken
    if (this.header[0] !== request) this.opaque = true
    if (this.headerRead === headerBytes && this.bodyBytes() === 0) this.end()
    return at + taken
  }

  /** Extras, key and value; only the key is kept. */
  private readBody(chunk: Buffer, at: number): number {
    const taken = Math.min(this.bodyBytes() - this.bodyRead, chunk.length - at)
    const keyStart = this.header.readUInt8(4)
    const keyEnd = keyStart + Math.min(keptBytes, this.header.readUInt16BE(2))
    const from = Math.max(keyStart, this.bodyRead)
    const to = Math.min(keyEnd, this.bodyRead + taken)
    if (from < to) this.key += chunk.toString("latin1", at + from - this.bodyRead, at + to - this.bodyRead)
    this.bodyRead += taken
    if (this.bodyRead === this.bodyBytes()) this.end()
    return at + taken
  }

  private bodyBytes(): number {
    return this.header.readUInt32BE(8)
  }

  private end(): void {
    const code = this.header.readUInt8(1)
    const cas = this.header.readBigUInt64BE(16)
    const args = [this.key, ...(cas === 0n ? [] : [String(cas)])]
    this.headerRead = 0
    this.bodyRead = 0
    this.key = ""
    this.onCommand(names.get(code) ?? `0X${code.toString(16).padStart(2, "0").toUpperCase()}`, args)
  }
}

/**
 * Requests of Memcached's binary protocol, for a `FaultProxy`: each is named as in the protocol (`GET`, `REPLACE`); its
 * arguments are the key, and the version that the request must find, if it names one.
 */
export const memcachedCommands: Reader = (onCommand) => new BinaryReader(onCommand)

/** One command that a client sent through the proxy. */
export interface SentCommand {
  /** The connection's number, counted from 1 in the order of connecting. */
  readonly connection: number
  /** In upper case: `GET`, `EVALSHA`, `HELLO`, `SUBSCRIBE`, ... */
  readonly name: string
  /** The first few arguments, cut short. */
  readonly args: ReadonlyArray<string>
  /** `performance.now()` when its last byte passed. */
  readonly at: number
}

/** Makes a reader for one connection, which finds the commands in the bytes that the client sends, cut anywhere. */
export type Reader = (onCommand: (name: string, args: ReadonlyArray<string>) => void) => {
  readonly read: (chunk: Buffer) => void
}

const keptArguments = 4
const keptBytes = 128

type State = "start" | "count" | "length" | "bulk" | "inline" | "opaque"

/**
 * Reads the commands of one connection from the bytes that a client sends, in pieces cut anywhere: RESP arrays of bulk
 * strings, and inline commands. At any other bytes it stops reading.
 */
export class CommandReader {
  private state: State = "start"
  private line = ""
  private argumentsLeft = 0
  private bytesLeft = 0
  private parts: Array<string> = []
  private part: Array<Buffer> = []
  private readonly onCommand: (name: string, args: ReadonlyArray<string>) => void

  constructor(onCommand: (name: string, args: ReadonlyArray<string>) => void) {
    this.onCommand = onCommand
  }

  read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && this.state !== "opaque") {
      at = this.state === "bulk" ? this.readBulk(chunk, at) : this.readLine(chunk, at)
    }
  }

  /** The bytes of one argument and the CRLF after it. */
  private readBulk(chunk: Buffer, at: number): number {
    const taken = Math.min(this.bytesLeft, chunk.length - at)
    const text = Math.min(taken, this.bytesLeft - 2)
    const missing = keptBytes - this.part.reduce((sum, piece) => sum + piece.length, 0)
    if (this.parts.length <= keptArguments && text > 0 && missing > 0) {
      // A copy, because a few bytes of a large chunk would keep the whole chunk in memory.
      this.part.push(Buffer.from(chunk.subarray(at, at + Math.min(text, missing))))
    }
    this.bytesLeft -= taken
    if (this.bytesLeft === 0) this.endArgument()
    return at + taken
  }

  private endArgument(): void {
    if (this.parts.length <= keptArguments) this.parts.push(Buffer.concat(this.part).toString("utf8"))
    this.part = []
    this.argumentsLeft -= 1
    this.state = this.argumentsLeft === 0 ? "start" : "length"
    if (this.argumentsLeft === 0) this.endCommand()
  }

  private endCommand(): void {
    const [name = "", ...args] = this.parts
    this.parts = []
    if (name !== "") this.onCommand(name.toUpperCase(), args)
  }

  private readLine(chunk: Buffer, at: number): number {
    if (this.state === "start") {
      const first = chunk[at] ?? 0
      if (first === 0x2a) this.state = "count"
      else if (first === 0x0d || first === 0x0a || (first >= 0x41 && first <= 0x7a)) this.state = "inline"
      else {
        this.state = "opaque"
        return chunk.length
      }
    }
    const end = chunk.indexOf(0x0a, at)
    this.line += chunk.toString("latin1", at, end < 0 ? chunk.length : end)
    // No line of this protocol is that long, so this is another protocol.
    if (this.line.length > 65_536) this.state = "opaque"
    if (end < 0) return chunk.length
    const line = this.line.trimEnd()
    this.line = ""
    this.endLine(line)
    return end + 1
  }

  private endLine(line: string): void {
    if (this.state === "inline") {
      this.state = "start"
      this.parts = line.split(/\s+/).slice(0, 1 + keptArguments)
      this.endCommand()
      return
    }
    const expected = this.state === "count" ? "*" : "$"
    const size = Number(line.slice(1))
    if (!line.startsWith(expected) || !Number.isSafeInteger(size) || size < 0) {
      this.state = "opaque"
    } else if (this.state === "count") {
      this.argumentsLeft = size
      this.state = size === 0 ? "start" : "length"
    } else {
      this.bytesLeft = size + 2
      this.state = "bulk"
    }
  }
}

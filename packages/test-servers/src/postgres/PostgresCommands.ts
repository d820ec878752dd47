import type { Reader } from "../proxy/CommandLog.ts"

/** The bytes that are read of each message: a statement and its name, never the parameters. */
const keptBytes = 8_192

const sslRequest = 80_877_103
const cancelRequest = 80_877_102

/** The name of a statement: the last word of the comment that it begins with, else its first word. */
const nameOf = (statement: string): string =>
  (/^\s*\/\*(?:[^*]*\s)?(\S+)\s*\*\//.exec(statement)?.[1] ?? /\w+/.exec(statement)?.[0] ?? "").toUpperCase()

/**
 * Reads a client's requests to Postgres from the bytes that it sends, in pieces cut anywhere. A command is a statement
 * that is run (`SELECT`, `LISTEN`, or the name in its leading comment). One that is parsed first is also a `PARSE`, and
 * a request to cancel is a `CANCEL`. Encrypted bytes are ignored.
 */
export class PostgresCommandReader {
  private begun = false
  private opaque = false
  private head: Array<Buffer> = []
  private headBytes = 0
  /** Bytes that the message still has, once its length is known. */
  private left: number | undefined
  private readonly statements = new Map<string, string>()
  private readonly portals = new Map<string, string>()
  private readonly onCommand: (name: string, args: ReadonlyArray<string>) => void

  constructor(onCommand: (name: string, args: ReadonlyArray<string>) => void) {
    this.onCommand = onCommand
  }

  read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.opaque) {
      // A type and a length; the very first message has no type.
      const prefix = this.begun ? 5 : 4
      const wanted = this.left ?? prefix - this.headBytes
      const piece = chunk.subarray(at, at + wanted)
      at += piece.length
      if (this.headBytes < keptBytes) {
        // A copy: the chunk is the socket's.
        const kept = Buffer.from(piece.subarray(0, keptBytes - this.headBytes))
        this.head.push(kept)
        this.headBytes += kept.length
      }
      if (this.left !== undefined) this.left -= piece.length
      else if (this.headBytes === prefix) {
        this.head = [Buffer.concat(this.head)]
        this.left = this.head[0]!.readUInt32BE(prefix - 4) - 4
      }
      if (this.left === 0) this.endMessage()
      else if (this.left !== undefined && this.left < 0) this.opaque = true
    }
  }

  private endMessage(): void {
    const message = Buffer.concat(this.head)
    this.head = []
    this.headBytes = 0
    this.left = undefined
    if (this.begun) this.endTyped(String.fromCharCode(message[0]!), message.subarray(5))
    else this.endFirst(message.length >= 8 ? message.readUInt32BE(4) : 0)
  }

  private endFirst(code: number): void {
    if (code === cancelRequest) this.onCommand("CANCEL", [])
    // Encrypted bytes from here on begin with no type and length that make sense.
    else if (code !== sslRequest) this.begun = true
  }

  private endTyped(type: string, body: Buffer): void {
    const [first = "", second = ""] = body.toString("utf8").split("\0", 2)
    if (type === "Q") this.onCommand(nameOf(first), [first])
    else if (type === "P") {
      this.statements.set(first, second)
      this.onCommand("PARSE", [second])
    } else if (type === "B") this.portals.set(first, this.statements.get(second) ?? "")
    else if (type === "E") {
      const statement = this.portals.get(first) ?? ""
      this.onCommand(nameOf(statement), [statement])
    }
  }
}

/** For a proxy in front of Postgres. */
export const postgresCommands: Reader = (onCommand) => new PostgresCommandReader(onCommand)

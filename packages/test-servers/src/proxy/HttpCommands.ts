import type { Reader } from "./CommandLog.ts"

/** A longer head counts as another protocol. */
const headLimit = 65_536

/** `POST /path HTTP/1.1` */
const requestLine = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/

type State = "head" | "body" | "chunkSize" | "chunk" | "trailer" | "opaque"

/**
 * Reads the requests of one connection from the bytes that a client sends, in pieces cut anywhere: HTTP/1.1, with a
 * body of known length or in chunks. At any other bytes it stops reading.
 */
class HttpReader {
  private state: State = "head"
  private line = ""
  private bytesLeft = 0
  private head: Array<string> = []
  private request: { readonly name: string; readonly args: ReadonlyArray<string> } | undefined
  private readonly onCommand: Parameters<Reader>[0]

  constructor(onCommand: Parameters<Reader>[0]) {
    this.onCommand = onCommand
  }

  read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && this.state !== "opaque") {
      at = this.state === "body" || this.state === "chunk" ? this.skip(chunk, at) : this.readLine(chunk, at)
    }
  }

  /** The bytes of a body, which are skipped. */
  private skip(chunk: Buffer, at: number): number {
    const taken = Math.min(this.bytesLeft, chunk.length - at)
    this.bytesLeft -= taken
    if (this.bytesLeft === 0) {
      if (this.state === "body") this.end()
      else this.state = "chunkSize"
    }
    return at + taken
  }

  private readLine(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(0x0a, at)
    this.line += chunk.toString("latin1", at, end < 0 ? chunk.length : end)
    if (this.line.length > headLimit) this.state = "opaque"
    if (end < 0) return chunk.length
    const line = this.line.trimEnd()
    this.line = ""
    if (this.state === "head") this.endHeadLine(line)
    else if (this.state === "chunkSize") this.beginChunk(line)
    else if (this.state === "trailer" && line === "") this.end()
    return end + 1
  }

  private endHeadLine(line: string): void {
    if (line !== "") {
      this.head.push(line)
      if (this.head.length === 1 && !requestLine.test(line)) this.state = "opaque"
    } else if (this.head.length > 0) {
      this.beginBody()
    }
  }

  private beginBody(): void {
    const [method, path] = requestLine.exec(this.head[0]!)!.slice(1)
    const target = this.header("x-amz-target")
    this.request = {
      name: (target === undefined ? method! : target.slice(target.lastIndexOf(".") + 1)).toUpperCase(),
      args: [path!.slice(0, 128)]
    }
    const length = Number(this.header("content-length") ?? 0)
    if (/\bchunked$/i.test(this.header("transfer-encoding") ?? "")) this.state = "chunkSize"
    else if (!Number.isSafeInteger(length) || length < 0) this.state = "opaque"
    else if (length === 0) this.end()
    else {
      this.bytesLeft = length
      this.state = "body"
    }
    this.head = []
  }

  private header(name: string): string | undefined {
    for (const line of this.head.slice(1)) {
      const colon = line.indexOf(":")
      if (line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim()
    }
    return undefined
  }

  private beginChunk(line: string): void {
    const size = Number.parseInt(line, 16)
    if (Number.isNaN(size)) this.state = "opaque"
    else if (size === 0) this.state = "trailer"
    else {
      // The CRLF after it, too.
      this.bytesLeft = size + 2
      this.state = "chunk"
    }
  }

  private end(): void {
    const { args, name } = this.request!
    this.state = "head"
    this.onCommand(name, args)
  }
}

/**
 * Requests of HTTP/1.1, for a `FaultProxy`: each is named by the operation of its `x-amz-target`, in upper case
 * (`GETITEM`), where it has one, else by its method (`PUT`); its argument is the path, with the query.
 */
export const httpCommands: Reader = (onCommand) => new HttpReader(onCommand)

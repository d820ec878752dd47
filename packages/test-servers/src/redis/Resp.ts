import { connect as connectTcp, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"

/** An error reply of the server, as a value: inside an array it is one element among others. */
export class RespError extends Error {
  override readonly name = "RespError"
}

export type Reply = string | number | null | RespError | ReadonlyArray<Reply>

export const encodeCommand = (args: ReadonlyArray<string | number>): Buffer => {
  const parts = [`*${args.length}\r\n`]
  for (const arg of args) {
    const text = String(arg)
    parts.push(`$${Buffer.byteLength(text)}\r\n${text}\r\n`)
  }
  return Buffer.from(parts.join(""))
}

interface Parsed {
  readonly value: Reply
  readonly end: number
}

/** One RESP2 reply at `start`, or `undefined` if it is not complete yet. */
export const parseReply = (buffer: Buffer, start = 0): Parsed | undefined => {
  const lineEnd = buffer.indexOf("\r\n", start)
  if (lineEnd < 0) return undefined
  const line = buffer.toString("utf8", start + 1, lineEnd)
  const next = lineEnd + 2
  switch (String.fromCharCode(buffer[start] ?? 0)) {
    case "+":
      return { value: line, end: next }
    case "-":
      return { value: new RespError(line), end: next }
    case ":":
      return { value: Number(line), end: next }
    case "$": {
      const length = Number(line)
      if (length < 0) return { value: null, end: next }
      if (buffer.length < next + length + 2) return undefined
      return { value: buffer.toString("utf8", next, next + length), end: next + length + 2 }
    }
    case "*": {
      const count = Number(line)
      if (count < 0) return { value: null, end: next }
      const values: Array<Reply> = []
      let end = next
      for (let i = 0; i < count; i++) {
        const item = parseReply(buffer, end)
        if (item === undefined) return undefined
        values.push(item.value)
        end = item.end
      }
      return { value: values, end }
    }
    default:
      throw new Error(`not a RESP2 reply: ${JSON.stringify(buffer.toString("latin1", start, start + 20))}`)
  }
}

/**
 * The part of a Redis client that is needed to start and check servers: one connection, RESP2, a bound on every call.
 */
export class RespClient implements AsyncDisposable {
  private readonly socket: Socket
  private readonly timeout: number
  private readonly waiting: Array<{ resolve: (reply: Reply) => void; reject: (error: Error) => void }> = []
  private buffer: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket, timeout: number) {
    this.socket = socket
    this.timeout = timeout
    socket.on("data", (chunk) => this.receive(chunk))
    socket.on("error", (error) => this.fail(error))
    socket.on("close", () => this.fail(new Error("the connection was closed")))
  }

  /** `url` is `redis://[[user]:password@]host:port[/db]`, or `rediss://` for TLS. */
  static async connect(url: string, timeout = 2000): Promise<RespClient> {
    const { hostname, password, pathname, port, protocol, username } = new URL(url)
    const where = { host: hostname === "" ? "127.0.0.1" : hostname, port: port === "" ? 6379 : Number(port) }
    const socket = protocol === "rediss:" ? connectTls(where) : connectTcp(where)
    const client = new RespClient(socket, timeout)
    // The socket keeps commands that are written before it is connected, and they fail with it.
    if (password !== "") {
      const secret = decodeURIComponent(password)
      await client.send("AUTH", ...(username === "" ? [secret] : [decodeURIComponent(username), secret]))
    }
    const db = pathname.slice(1)
    if (/^[1-9]\d*$/.test(db)) await client.send("SELECT", db)
    return client
  }

  /** Connects, sends one command, and closes. */
  static async once(url: string, ...args: ReadonlyArray<string | number>): Promise<Reply> {
    await using client = await RespClient.connect(url)
    return await client.send(...args)
  }

  /** Rejects with the server's error reply. */
  send(...args: ReadonlyArray<string | number>): Promise<Reply> {
    return new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(
        () => this.socket.destroy(new Error(`no answer to ${args[0]} in ${this.timeout} ms`)),
        this.timeout
      )
      this.waiting.push({
        resolve: (reply) => {
          clearTimeout(timer)
          if (reply instanceof RespError) reject(reply)
          else resolve(reply)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        }
      })
      if (this.socket.destroyed) this.fail(new Error("the connection was closed"))
      else this.socket.write(encodeCommand(args))
    })
  }

  /** One field of `INFO <section>`. */
  async info(section: string, field: string): Promise<string | undefined> {
    const text = String(await this.send("INFO", section))
    const line = text.split("\r\n").find((candidate) => candidate.startsWith(`${field}:`))
    return line?.slice(field.length + 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
  }

  private receive(chunk: Buffer): void {
    this.buffer = this.buffer.length === 0 ? chunk : Buffer.concat([this.buffer, chunk])
    try {
      for (;;) {
        const parsed = parseReply(this.buffer)
        if (parsed === undefined) return
        this.buffer = this.buffer.subarray(parsed.end)
        this.waiting.shift()?.resolve(parsed.value)
      }
    } catch (error) {
      this.socket.destroy(error as Error)
    }
  }

  private fail(error: Error): void {
    for (const { reject } of this.waiting.splice(0)) reject(error)
  }
}

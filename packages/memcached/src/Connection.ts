/**
 * One connection to one server, from its opening to its end, over memjs's request layer.
 *
 * A `Server` of memjs serves a single connection, and is thrown away with it. If it served the next one too, as in
 * memjs itself, it would forget calls when the server closes the connection, might lose the next socket to the close of
 * the last, and would begin to read with the rest of a reply that was cut.
 */
import type { Socket } from "node:net"
import { number } from "./Requests.ts"

/** A reply, as memjs parses it. */
export interface Reply {
  readonly header: { readonly status: number; readonly cas: Buffer }
  readonly val: Buffer
}

/** The part of a memjs `Server` that is used: its address, its credentials and its requests. */
export interface MemjsServer {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly options?: { readonly keepAlive?: boolean | undefined; readonly keepAliveDelay?: number | undefined }
  readonly onResponse: (opaque: number, listener: (reply: Reply) => void) => void
  readonly onError: (opaque: number, listener: (error: unknown) => void) => void
  readonly sock: (authenticating: boolean, connected: (socket: Socket) => void) => void
  readonly write: (request: Buffer) => void
  readonly error: (error: unknown) => void
  /** The socket, from `sock` until it is closed. On a close, memjs itself leaves calls without an answer. */
  readonly _socket?: Socket | undefined
}

type ServerClass = new (
  host: string,
  port: number,
  username: string | undefined,
  password: string | undefined,
  options: object
) => MemjsServer

/** Seconds, for memjs's own bounds. The adapter's are shorter, and leave no socket behind. */
const never = 24 * 60 * 60

/** Another `Server` to the same address. */
const copyOf = (server: MemjsServer): MemjsServer => {
  const { keepAlive, keepAliveDelay } = server.options ?? {}
  const Server = server.constructor as ServerClass
  return new Server(server.host, server.port, server.username, server.password, {
    timeout: never,
    conntimeout: never,
    keepAlive,
    keepAliveDelay
  })
}

const uncork = (socket: Socket): void => socket.uncork()

/** A connection. Once `over`, it is never used again. */
export class Connection {
  /** True when it must no longer be used, although calls may still wait for their answers. */
  over = false
  private readonly server: MemjsServer
  private readonly ended: (connection: Connection) => void
  private socket: Socket | undefined
  private opaque = 0
  private pending = 0

  /** @param ended called once, when the connection ends by itself */
  constructor(template: MemjsServer, ended: (connection: Connection) => void) {
    this.ended = ended
    this.server = copyOf(template)
    this.server.sock(false, (socket) => {
      this.socket = socket
      socket.setNoDelay(true)
      this.settle()
    })
    // Listens from the first moment: memjs would silently reopen a connection that is closed during authentication.
    this.server._socket?.once("close", () => this.fail(new Error("the server closed the connection")))
  }

  /** Sends a request, and calls one of the two functions, once. */
  send(request: Buffer, answer: (reply: Reply) => void, failed: (error: unknown) => void): void {
    this.opaque = (this.opaque + 1) >>> 0
    const opaque = this.opaque
    if (this.pending++ === 0) this.socket?.ref()
    number(request, opaque)
    this.server.onResponse(opaque, (reply) => {
      this.pending--
      answer(reply)
      this.settle()
    })
    this.server.onError(opaque, (error) => {
      this.pending--
      // The credentials were refused. memjs reports that to this call alone.
      this.fail(error)
      failed(error)
    })
    this.gather()
    this.server.write(request)
  }

  /** Sends the requests of one turn of the event loop in one write. */
  private gather(): void {
    const { socket } = this
    if (socket === undefined || socket.writableCorked > 0) return
    socket.cork()
    process.nextTick(uncork, socket)
  }

  /** Ends the connection at once, and fails the calls that wait. Safe to repeat. */
  fail(error: unknown): void {
    const first = !this.over
    this.over = true
    this.server.error(error)
    if (first) this.ended(this)
  }

  /** Ends the connection when no call waits any more. */
  finish(): void {
    this.over = true
    this.settle()
  }

  /** Lets the process end when no call waits on the connection. */
  private settle(): void {
    if (this.pending > 0) return
    if (this.over) this.server.error(new Error("the connection was closed"))
    else this.socket?.unref()
  }
}

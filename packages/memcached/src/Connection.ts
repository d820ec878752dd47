/**
 * One connection to one server, from its opening to its end, over memjs's request layer.
 *
 * A `Server` of memjs is used for a single connection, and thrown away with it. Used for the next one too, as memjs
 * itself does, it forgets calls when the server closes the connection, may lose the next socket to the close of the
 * last, and begins to read with what was left of a reply that was cut.
 */
import type { Socket } from "node:net"
import { number } from "./Requests.ts"

/** What memjs makes of a reply. */
export interface Reply {
  readonly header: { readonly status: number; readonly cas: Buffer }
  readonly val: Buffer
}

/** Of a `Server` of memjs: its address, its credentials and its requests. */
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
  /** From `sock` until it is closed. memjs itself leaves those who wait for an answer waiting then. */
  readonly _socket?: Socket | undefined
}

type ServerClass = new (
  host: string,
  port: number,
  username: string | undefined,
  password: string | undefined,
  options: object
) => MemjsServer

/** Seconds, for memjs's own bounds: the adapter's are shorter, and leave no socket behind. */
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
  /** No longer to be used, though calls may still wait for their answers. */
  over = false
  private readonly server: MemjsServer
  private readonly ended: (connection: Connection) => void
  private socket: Socket | undefined
  private opaque = 0
  private pending = 0

  /** @param ended called once, when the connection is over by itself */
  constructor(template: MemjsServer, ended: (connection: Connection) => void) {
    this.ended = ended
    this.server = copyOf(template)
    this.server.sock(false, (socket) => {
      this.socket = socket
      socket.setNoDelay(true)
      this.settle()
    })
    // From the first moment: one that is closed while it gives its credentials, memjs would silently open again.
    this.server._socket?.once("close", () => this.fail(new Error("the server closed the connection")))
  }

  /** Sends, and calls one of the two back, once. */
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
      // Refused credentials: memjs tells us, and nobody else.
      this.fail(error)
      failed(error)
    })
    this.gather()
    this.server.write(request)
  }

  /** What is asked in one turn goes out as one piece. */
  private gather(): void {
    const { socket } = this
    if (socket === undefined || socket.writableCorked > 0) return
    socket.cork()
    process.nextTick(uncork, socket)
  }

  /** Ends at once: who waits is told. Safe to repeat. */
  fail(error: unknown): void {
    const first = !this.over
    this.over = true
    this.server.error(error)
    if (first) this.ended(this)
  }

  /** Ends when nobody waits any more. */
  finish(): void {
    this.over = true
    this.settle()
  }

  /** A connection on which nobody waits keeps no process alive. */
  private settle(): void {
    if (this.pending > 0) return
    if (this.over) this.server.error(new Error("the connection was closed"))
    else this.socket?.unref()
  }
}

import { createServer, type Server as Listener, type Socket } from "node:net"
import { setImmediate as nextTurn } from "node:timers/promises"
import { poll } from "../machine/Poll.ts"
import { freePort, releasePort } from "../machine/Port.ts"
import { CommandReader, type Reader, type SentCommand } from "./CommandLog.ts"
import { type Direction, type Faults, ProxiedConnection } from "./ProxiedConnection.ts"

export interface FaultProxyOptions {
  /** A server of ours, or any address. */
  readonly target: { readonly host: string; readonly port: number; readonly url?: string }
  readonly port?: number
  /** Reads the commands of one connection; default: those of Redis. */
  readonly reader?: Reader
  /** Makes the server's words those of another version of it: gets each piece of reply, and returns what passes. */
  readonly rewrite?: ((piece: Buffer) => Buffer) | undefined
}

export interface ProxyStats {
  /** Accepted since the start. */
  readonly connections: number
  readonly open: number
  /** From clients to the server. */
  readonly bytesUp: number
  readonly bytesDown: number
}

/**
 * A TCP proxy on a port of its own that simulates a failing network in front of a healthy server, and that records the
 * commands that passed. Faults add up, apply to present and to new connections, and last until `heal`.
 */
export class FaultProxy implements AsyncDisposable {
  readonly host = "127.0.0.1"
  readonly port: number
  private readonly target: FaultProxyOptions["target"]
  private readonly reader: Reader
  private readonly rewrite: FaultProxyOptions["rewrite"]
  private readonly open = new Set<ProxiedConnection>()
  private readonly log: Array<SentCommand> = []
  private listener: Listener | undefined
  private counted = { connections: 0, bytesUp: 0, bytesDown: 0 }
  private delays: Record<Direction, number> = { up: 0, down: 0 }
  private jitter = 0
  private held = false
  private dropping = 0
  private droppingAfter: string | undefined
  private replyLimit = Number.POSITIVE_INFINITY

  private constructor(port: number, { reader, rewrite, target }: FaultProxyOptions) {
    this.port = port
    this.rewrite = rewrite
    this.target = target
    this.reader = reader ?? ((onCommand) => new CommandReader(onCommand))
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options.port ?? (await freePort()), options)
    await proxy.listen()
    return proxy
  }

  /** The target's own URL with the proxy's address in it; or `scheme://host:port`. */
  url(scheme?: string): string {
    if (scheme !== undefined || this.target.url === undefined) return `${scheme ?? "tcp"}://${this.host}:${this.port}`
    const [before = "", after = ""] = this.target.url.split("://", 2)
    return `${before}://${after.replace(/^([^@/]*@)?[^/]*/, (_, user = "") => `${user}${this.host}:${this.port}`)}`
  }

  get stats(): ProxyStats {
    return { ...this.counted, open: this.open.size }
  }

  /** Delays every reply by `ms` and up to `jitter` more. `"up"` delays requests instead, `"both"` each way. */
  delay(ms: number, jitter = 0, direction: Direction | "both" = "down"): void {
    this.delays = { up: direction === "down" ? 0 : ms, down: direction === "up" ? 0 : ms }
    this.jitter = jitter
  }

  /**
   * Nothing passes any more, in either direction, and neither side notices. New connections are accepted. As after a
   * network failure, data sent meanwhile arrives after `heal`, unless the client closed the connection.
   */
  blackhole(): void {
    this.held = true
    for (const connection of this.open) connection.hold()
  }

  /**
   * Requests arrive and are carried out, but the replies are lost. Without `n` they vanish silently until `heal`, which
   * resets the connections that lost some. With `n`, the next `n` pieces of reply are lost, each with its connection;
   * `after` counts only those that come while the connection's last command is the one named, e.g. `"EVALSHA"`.
   */
  dropReplies(n = Number.POSITIVE_INFINITY, options: { readonly after?: string } = {}): void {
    this.dropping = n
    this.droppingAfter = options.after?.toUpperCase()
  }

  /** RST to both sides of every present connection; new ones are accepted. */
  cut(): void {
    for (const connection of [...this.open]) connection.reset()
  }

  /** New connections are refused; present ones stay (`cut` them too, to simulate a server that is gone). */
  async refuse(): Promise<void> {
    this.listener?.close()
    this.listener = undefined
    await nextTurn()
  }

  /** Each connection ends after `n` more bytes of replies, even in the middle of one. */
  limitBytes(n: number): void {
    this.replyLimit = n
    for (const connection of this.open) connection.replyBytesLeft = n
  }

  /** Ends all faults. */
  async heal(): Promise<void> {
    this.held = false
    this.dropping = 0
    this.droppingAfter = undefined
    this.delays = { up: 0, down: 0 }
    this.jitter = 0
    this.limitBytes(Number.POSITIVE_INFINITY)
    for (const connection of [...this.open]) connection.release()
    if (this.listener === undefined) await this.listen()
  }

  /** The commands that clients sent since the start or the last `resetCommands`, in the order they passed. */
  commands(): Array<SentCommand> {
    return [...this.log]
  }

  resetCommands(): void {
    this.log.length = 0
  }

  async stop(): Promise<void> {
    await this.refuse()
    this.cut()
    releasePort(this.port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  private async listen(): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client))
    listener.unref()
    await poll(
      () =>
        new Promise<true>((resolve, reject) => {
          listener.once("error", reject)
          listener.listen(this.port, this.host, () => resolve(true))
        }),
      { what: `port ${this.port}` }
    )
    this.listener = listener
  }

  private accept(client: Socket): void {
    const connection = ++this.counted.connections
    const proxied: ProxiedConnection = new ProxiedConnection(client, this.target, this.reader, this.faults(), {
      bytes: (direction, count) => {
        this.counted[direction === "up" ? "bytesUp" : "bytesDown"] += count
      },
      command: (name, args) => this.log.push({ connection, name, args, at: performance.now() }),
      closed: () => this.open.delete(proxied)
    })
    proxied.replyBytesLeft = this.replyLimit
    this.open.add(proxied)
  }

  /** A live view: a connection sees every change at once. */
  private faults(): Faults {
    const proxy = this
    return {
      get delay() {
        return proxy.delays
      },
      get jitter() {
        return proxy.jitter
      },
      get held() {
        return proxy.held
      },
      onReply: (lastCommand) => proxy.verdict(lastCommand),
      rewrite: (piece) => proxy.rewrite?.(piece) ?? piece
    }
  }

  private verdict(lastCommand: string | undefined): "pass" | "swallow" | "reset" {
    if (this.dropping === 0) return "pass"
    if (this.droppingAfter !== undefined && this.droppingAfter !== lastCommand) return "pass"
    if (this.dropping === Number.POSITIVE_INFINITY) return "swallow"
    this.dropping -= 1
    return "reset"
  }
}

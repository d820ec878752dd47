/**
 * Listeners of channels, over one connection beside the client's own.
 *
 * The first listener opens the connection, and it is closed when it has had no listener for a while. When it is lost,
 * all its listeners are notified, because they may have missed a message. Those that still want to listen join again,
 * which opens the next one. So nothing here reconnects, and no state outlives its connection.
 *
 * A pooler that hands connections out per transaction accepts a LISTEN, which then has no effect. So a new connection
 * must first receive a message that the client sends, or it is not used.
 */
import { randomUUID } from "node:crypto"
import { createConnection, type IpcNetConnectOpts, type Socket, type TcpNetConnectOpts } from "node:net"
import type { Subscriptions } from "@cache-locking/core"
import postgres from "postgres"
import { isReply } from "./Failure.ts"
import { type Client, type Link, noop } from "./Link.ts"

/** A channel, and on it one key by its hash, or every key. */
export interface Topic {
  readonly channel: string
  readonly id: string | undefined
}

/** A listener of a topic. */
export interface Listener {
  /** Called for a change, with its kind and the hash of its key. */
  readonly onMessage: (kind: string, id: string) => void
  /** Called when no more messages will come. */
  readonly onLost: () => void
}

/** The time for which a connection without listeners is kept. */
const idleFor = 10_000

/** The pause between pings of a connection with listeners. */
const pingEvery = 15_000

/** The time without further attempts after a connection that received nothing. */
const silentFor = 60_000

/** The kind of message by which a connection proves that it receives any. */
const proofKind = "p"

/** The promise, or a rejection when it takes too long. Whoever waits for a message has a timer of his own. */
const within = <A>(promise: Promise<A>, timeout: number, why = `no answer within ${timeout} ms`): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(why)), timeout).unref()
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })

/** The part of the client's options that says where the server is. */
interface SocketOptions {
  readonly host: ReadonlyArray<string>
  readonly port: ReadonlyArray<number>
  readonly path?: string | false | undefined
}

const connect = (to: TcpNetConnectOpts | IpcNetConnectOpts, timeout: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(to)
    const fail = (error: unknown) => {
      socket.destroy()
      reject(error)
    }
    const late = setTimeout(() => fail(new Error(`no connection within ${timeout} ms`)), timeout).unref()
    socket.unref()
    socket.once("error", fail)
    socket.once("connect", () => {
      clearTimeout(late)
      socket.off("error", fail)
      resolve(socket)
    })
  })

/** Makes sockets that keep no process alive: whoever waits for a message has a timer of his own. */
const unheld = (client: Client, timeout: number) => {
  const { socket: given } = client.options as { readonly socket?: (options: unknown) => Promise<Socket> | Socket }
  let turn = 0
  return async (options: SocketOptions): Promise<Socket> => {
    if (given) return (await given(options)).unref()
    const { host, path, port } = options
    if (path) return connect({ path }, timeout)
    // Like the client's own, the next attempt is for the next server.
    const at = turn++ % host.length
    const to = { host: host[at]!, port: port[at]! }
    // For TLS, the client reads the server's name from here.
    return Object.assign(await connect(to, timeout), to)
  }
}

/** A client with one connection, to the same server as another. */
const beside = (
  client: Client,
  timeout: number,
  events: { readonly onnotify: (channel: string, message: string) => void; readonly onclose: () => void }
): Client =>
  postgres({
    ...client.options,
    ...events,
    max: 1,
    idle_timeout: null,
    max_lifetime: null,
    connect_timeout: timeout / 1000,
    fetch_types: false,
    debug: false,
    onnotice: noop,
    onparameter: noop,
    // The client counts its failures to connect here, and waits longer for each.
    shared: { retries: 0, typeArrayMap: {} },
    socket: unheld(client, timeout)
  } as never)

/** One channel, shared by all its listeners. */
class Subscription {
  readonly byKey = new Map<string, Set<Listener>>()
  readonly toAll = new Set<Listener>()
  /** The memberships, live or not yet. */
  seats = 0
  isLive = false
  live: Promise<void> = Promise.resolve()

  add(id: string | undefined, listener: Listener): void {
    if (id === undefined) {
      this.toAll.add(listener)
      return
    }
    const listeners = this.byKey.get(id)
    if (listeners === undefined) this.byKey.set(id, new Set([listener]))
    else listeners.add(listener)
  }

  remove(id: string | undefined, listener: Listener): void {
    if (id === undefined) {
      this.toAll.delete(listener)
      return
    }
    const listeners = this.byKey.get(id)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.byKey.delete(id)
  }

  get all(): ReadonlyArray<Listener> {
    return [...this.toAll, ...[...this.byKey.values()].flatMap((listeners) => [...listeners])]
  }

  tell(message: string): void {
    const kind = message.slice(0, 1)
    const id = message.slice(1)
    for (const listener of [...(this.byKey.get(id) ?? []), ...this.toAll]) listener.onMessage(kind, id)
  }
}

/** One connection. */
class Connection {
  private readonly sql: Client
  private readonly link: Link
  private readonly timeout: number
  private readonly onGone: (silent: boolean) => void
  private readonly subscriptions = new Map<string, Subscription>()
  private readonly proof = randomUUID()
  private heard: (() => void) | undefined
  private proven: Promise<void> | undefined
  private asking: Promise<void> | undefined
  private next: Promise<void> | undefined
  private gone = false
  private cause: unknown
  private idle: NodeJS.Timeout | undefined
  private pings: NodeJS.Timeout | undefined

  constructor(link: Link, timeout: number, onGone: (silent: boolean) => void) {
    this.link = link
    this.timeout = timeout
    this.onGone = onGone
    this.sql = beside(link.client, timeout, {
      onnotify: (channel, message) => {
        if (message === proofKind + this.proof) this.heard?.()
        else this.subscriptions.get(channel)?.tell(message)
      },
      onclose: () => this.end(new Error("the listening connection was lost"))
    })
  }

  join({ channel, id }: Topic, listener: Listener): Subscriptions.Membership {
    clearTimeout(this.idle)
    this.pings ??= setInterval(() => this.ping(), pingEvery).unref()
    let subscription = this.subscriptions.get(channel)
    if (subscription === undefined) {
      subscription = new Subscription()
      this.subscriptions.set(channel, subscription)
      subscription.live = this.subscribe(channel, subscription)
      subscription.live.catch(noop)
    }
    const joined = subscription
    joined.seats++
    let left = false
    const live = (joined.isLive ? this.caughtUp() : joined.live).then(() => {
      if (this.gone) throw this.cause
      if (!left) joined.add(id, listener)
    })
    live.catch(noop)
    const leave = () => {
      if (left) return
      left = true
      joined.seats--
      joined.remove(id, listener)
      this.restWhenEmpty()
    }
    return { live, leave }
  }

  /** Ends the connection for all listeners. Those whose subscription was not live yet get its failure. */
  end(cause: unknown, silent = false): void {
    if (this.gone) return
    this.gone = true
    this.cause = cause
    this.stopTimers()
    this.onGone(silent)
    this.sql.end({ timeout: 0 }).catch(noop)
    const subscriptions = [...this.subscriptions.values()]
    this.subscriptions.clear()
    for (const { all, isLive } of subscriptions) {
      if (isLive) for (const listener of all) listener.onLost()
    }
  }

  private async subscribe(channel: string, subscription: Subscription): Promise<void> {
    try {
      await within(this.sql.unsafe(`listen ${channel}`), this.timeout)
      this.proven ??= this.prove(channel)
      await this.proven
      if (this.gone) throw this.cause
    } catch (error) {
      if (this.subscriptions.get(channel) === subscription) this.subscriptions.delete(channel)
      // A refusal concerns the channel alone. Any other error means that the connection does not work.
      if (isReply(error)) this.restWhenEmpty()
      else this.end(error)
      throw this.cause ?? error
    }
    subscription.isLive = true
  }

  private async prove(channel: string): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      this.heard = resolve
    })
    await within(this.link.send("select pg_notify($1, $2)", [channel, proofKind + this.proof]), this.timeout)
    await within(heard, this.timeout, silence).catch((error) => {
      this.end(error, true)
      throw error
    })
  }

  /**
   * A message may come a little after the answer to the statement that caused it, but before the answer to a query that
   * this connection sends afterwards. So a listener that joins gets no message from before. Listeners that join
   * meanwhile share the next query.
   */
  private caughtUp(): Promise<void> {
    this.next ??= (this.asking ?? Promise.resolve()).then(() => {
      this.next = undefined
      this.asking = within(this.sql.unsafe("select 1"), this.timeout).then(noop, (error) => this.end(error))
      return this.asking
    })
    return this.next
  }

  /** Without pings, listeners would go on waiting on a dead connection. */
  private ping(): void {
    within(this.sql.unsafe("select 1"), this.timeout).catch((cause) => this.end(cause))
  }

  private restWhenEmpty(): void {
    if (this.gone || [...this.subscriptions.values()].some(({ seats }) => seats > 0)) return
    this.stopTimers()
    this.idle = setTimeout(() => this.end(undefined), idleFor).unref()
  }

  private stopTimers(): void {
    clearTimeout(this.idle)
    clearInterval(this.pings)
    this.pings = undefined
  }
}

const silence = "the listening connection receives nothing: is there a pooler in between that shares connections?"

/** The listeners of one client. */
export class Subscriber {
  private readonly link: Link
  private connection: Connection | undefined
  private silentUntil = 0

  constructor(link: Link) {
    this.link = link
    // It may lead to the former primary, on which nothing happens any more.
    link.onReplaced = this.close
  }

  /** Listens to a topic. Each step of connecting and subscribing takes at most `timeout` milliseconds. */
  join(topic: Topic, listener: Listener, timeout: number): Subscriptions.Membership {
    if (this.connection === undefined) {
      if (performance.now() < this.silentUntil) {
        const live = Promise.reject(new Error(silence))
        live.catch(noop)
        return { live, leave: noop }
      }
      const opened: Connection = new Connection(this.link, timeout, (silent) => {
        if (this.connection === opened) this.connection = undefined
        if (silent) this.silentUntil = performance.now() + silentFor
      })
      this.connection = opened
    }
    return this.connection.join(topic, listener)
  }

  /** Closes the connection, and notifies all listeners. The next listener opens another. */
  readonly close = (): void => {
    this.connection?.end(new Error("the adapter was closed"))
  }
}

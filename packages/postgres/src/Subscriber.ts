/**
 * Who listens to which channel, over one connection beside the client's own.
 *
 * The connection is opened by the first who listens and closed when nobody has for a while. When it is lost all its
 * listeners are told, since they may have missed something, and whoever still wants to listen joins again, which opens
 * the next one. So nothing here reconnects, and nothing is remembered of what is gone.
 *
 * A pooler that hands connections out per transaction takes a LISTEN and lets it do nothing. So a new connection
 * has to hear a message that the client sends, or it is not relied on.
 */
import { randomUUID } from "node:crypto"
import postgres from "postgres"
import { isReply } from "./Failure.ts"
import { type Client, type Link, noop } from "./Link.ts"

/** What is listened to: a channel, and on it one key by its hash, or every one. */
export interface Topic {
  readonly channel: string
  readonly id: string | undefined
}

/** One who listens. */
export interface Listener {
  /** Something changed: of what kind, and of which key. */
  readonly told: (kind: string, id: string) => void
  /** Nothing is told any more. */
  readonly lost: () => void
}

/** A listener's place. */
export interface Seat {
  /** Settles when the subscription is live, or cannot be. */
  readonly live: Promise<void>
  readonly leave: () => void
}

/** How long a connection without listeners is kept. */
const idleFor = 10_000

/** How often a connection with listeners is asked whether it still stands. */
const pingEvery = 15_000

/** How long nobody tries again after a connection that did not hear. */
const deafFor = 60_000

/** The kind of message by which a connection proves that it hears. */
const proofKind = "p"

/** The promise, or a rejection when it takes too long. */
const within = <A>(promise: Promise<A>, timeout: number, why = `no answer within ${timeout} ms`): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(why)), timeout)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })

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
    shared: { retries: 0, typeArrayMap: {} }
  } as never)

/** One channel, for all who listen to it. */
class Subscription {
  readonly byKey = new Map<string, Set<Listener>>()
  readonly toAll = new Set<Listener>()
  /** Who has a place, or waits for one. */
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
    for (const listener of [...(this.byKey.get(id) ?? []), ...this.toAll]) listener.told(kind, id)
  }
}

/** One connection. */
class Line {
  private readonly sql: Client
  private readonly link: Link
  private readonly timeout: number
  private readonly onGone: (deaf: boolean) => void
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

  constructor(link: Link, timeout: number, onGone: (deaf: boolean) => void) {
    this.link = link
    this.timeout = timeout
    this.onGone = onGone
    this.sql = beside(link.client, timeout, {
      onnotify: (channel, message) => {
        if (message === proofKind + this.proof) this.heard?.()
        else this.subscriptions.get(channel)?.tell(message)
      },
      onclose: () => this.end(new Error("the connection that listens was lost"))
    })
  }

  join({ channel, id }: Topic, listener: Listener): Seat {
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

  /** Tells everybody; those whose subscription was not live yet are told by its failure. */
  end(cause: unknown, deaf = false): void {
    if (this.gone) return
    this.gone = true
    this.cause = cause
    this.stopTimers()
    this.onGone(deaf)
    this.sql.end({ timeout: 0 }).catch(noop)
    const subscriptions = [...this.subscriptions.values()]
    this.subscriptions.clear()
    for (const { all, isLive } of subscriptions) {
      if (isLive) for (const listener of all) listener.lost()
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
      // A refusal is the channel's alone; anything else says that the connection does not work.
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
    await within(heard, this.timeout, deafness).catch((error) => {
      this.end(error, true)
      throw error
    })
  }

  /**
   * Messages may come a little after the answer to whoever caused them, but before the answer to what is asked on this
   * connection thereafter: so nobody who joins is told of what was before. Those who come meanwhile share the next question.
   */
  private caughtUp(): Promise<void> {
    this.next ??= (this.asking ?? Promise.resolve()).then(() => {
      this.next = undefined
      this.asking = within(this.sql.unsafe("select 1"), this.timeout).then(noop, (error) => this.end(error))
      return this.asking
    })
    return this.next
  }

  /** A connection that is dead without knowing it would keep its listeners waiting. */
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

const deafness = "the connection that listens hears nothing: is there a pooler in between that shares connections?"

/** The listeners of one client. */
export class Subscriber {
  private readonly link: Link
  private line: Line | undefined
  private deafUntil = 0

  constructor(link: Link) {
    this.link = link
  }

  /** Listens to a topic; takes at most `timeout` milliseconds for each step of connecting and subscribing. */
  join(topic: Topic, listener: Listener, timeout: number): Seat {
    if (this.line === undefined) {
      if (performance.now() < this.deafUntil) {
        const live = Promise.reject(new Error(deafness))
        live.catch(noop)
        return { live, leave: noop }
      }
      const opened: Line = new Line(this.link, timeout, (deaf) => {
        if (this.line === opened) this.line = undefined
        if (deaf) this.deafUntil = performance.now() + deafFor
      })
      this.line = opened
    }
    return this.line.join(topic, listener)
  }

  /** Closes the connection and tells everybody. The next who listens opens another. */
  readonly close = (): void => {
    this.line?.end(new Error("the adapter was closed"))
  }
}

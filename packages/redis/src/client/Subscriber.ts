/**
 * Listeners of channels, over as few connections as the server allows: one, or in a cluster one per master and one for
 * patterns.
 *
 * The first listener opens a connection, and it is closed when it has had no listener for a while. The first
 * listener of a topic subscribes to it, and the last one unsubscribes. When a connection is lost, all its listeners
 * are notified, because they may have missed a message. Those that still want to listen join again, which opens the
 * next connection. So nothing here reconnects, and no state outlives its connection.
 */
import type { Subscriptions } from "@cache-locking/core"
import { isReply } from "./Failure.ts"
import { noop, type Push, type PushEvents, type RedisPort, type Topic } from "./RedisPort.ts"

/** A listener of a topic. */
export interface Listener {
  readonly onMessage: (channel: string, message: string) => void
  /** Called when no further message will come. */
  readonly onLost: () => void
}

/** The time for which a connection without listeners is kept. */
const idleFor = 10_000

/** The pause between pings of a connection with listeners. */
const pingEvery = 15_000

/** The promise, or a rejection when it takes too long. A caller that waits for a message has a timer of its own. */
const within = <A>(promise: Promise<A>, timeout: number): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout).unref()
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })

const idOf = ({ name, pattern }: Topic): string => (pattern ? `*${name}` : `=${name}`)

/** One subscription, shared by all its listeners. */
class Subscription {
  readonly topic: Topic
  readonly listeners = new Set<Listener>()
  live: Promise<void> = Promise.resolve()
  isLive = false

  constructor(topic: Topic) {
    this.topic = topic
  }

  tell(channel: string, message: string): void {
    for (const listener of [...this.listeners]) listener.onMessage(channel, message)
  }
}

/** One connection. */
class Connection {
  private readonly subscriptions = new Map<string, Subscription>()
  /** The subscriptions that are being ended. A listener that subscribes again waits for the end. */
  private readonly leaving = new Map<string, Promise<unknown>>()
  private readonly life = new AbortController()
  private readonly opened: Promise<Push>
  private readonly timeout: number
  private readonly onGone: () => void
  private push: Push | undefined
  private gone = false
  private cause: unknown
  private idle: NodeJS.Timeout | undefined
  private pings: NodeJS.Timeout | undefined

  constructor(port: RedisPort, route: string, timeout: number, onGone: () => void) {
    this.timeout = timeout
    this.onGone = onGone
    const events: PushEvents = {
      message: (channel, message) => this.subscriptions.get(`=${channel}`)?.tell(channel, message),
      patternMessage: (pattern, channel, message) => this.subscriptions.get(`*${pattern}`)?.tell(channel, message),
      lost: (cause) => this.end(cause)
    }
    this.opened = within(port.push(route, events, this.life.signal), timeout)
    this.opened.then(
      (push) => {
        this.push = push
      },
      (cause) => this.end(cause)
    )
  }

  join(topic: Topic, listener: Listener): Subscriptions.Membership {
    clearTimeout(this.idle)
    this.pings ??= setInterval(() => this.ping(), pingEvery).unref()
    let subscription = this.subscriptions.get(idOf(topic))
    if (subscription === undefined) {
      subscription = new Subscription(topic)
      this.subscriptions.set(idOf(topic), subscription)
      subscription.live = this.subscribe(subscription)
      subscription.live.catch(noop)
    }
    const joined = subscription
    joined.listeners.add(listener)
    return { live: joined.live, leave: () => this.leave(joined, listener) }
  }

  /** Ends the connection for all listeners. Those whose subscription was not live yet get its failure. */
  end(cause: unknown): void {
    if (this.gone) return
    this.gone = true
    this.cause = cause
    this.stopTimers()
    this.onGone()
    this.life.abort()
    const subscriptions = [...this.subscriptions.values()]
    this.subscriptions.clear()
    for (const { isLive, listeners } of subscriptions) {
      if (isLive) for (const listener of [...listeners]) listener.onLost()
    }
  }

  private async subscribe(subscription: Subscription): Promise<void> {
    const id = idOf(subscription.topic)
    try {
      const push = await this.opened
      await this.leaving.get(id)
      if (this.gone) throw this.cause
      await within(push.subscribe(subscription.topic), this.timeout)
      if (this.gone) throw this.cause
    } catch (error) {
      if (this.subscriptions.get(id) === subscription) this.subscriptions.delete(id)
      // A refusal concerns the topic alone. Any other error means that the connection does not work.
      if (isReply(error)) this.restWhenEmpty()
      else this.end(error)
      throw error
    }
    subscription.isLive = true
    if (subscription.listeners.size === 0) this.unsubscribe(subscription)
  }

  private leave(subscription: Subscription, listener: Listener): void {
    subscription.listeners.delete(listener)
    if (subscription.listeners.size === 0 && subscription.isLive) this.unsubscribe(subscription)
  }

  private unsubscribe(subscription: Subscription): void {
    const id = idOf(subscription.topic)
    if (this.push === undefined || this.subscriptions.get(id) !== subscription) return
    this.subscriptions.delete(id)
    const left = within(this.push.unsubscribe(subscription.topic), this.timeout)
      .catch((cause) => this.end(cause))
      .finally(() => this.leaving.delete(id))
    this.leaving.set(id, left)
    this.restWhenEmpty()
  }

  /** Without pings, listeners would go on waiting on a dead connection. */
  private ping(): void {
    if (this.push !== undefined) within(this.push.ping(), this.timeout).catch((cause) => this.end(cause))
  }

  private restWhenEmpty(): void {
    if (this.subscriptions.size > 0 || this.gone) return
    this.stopTimers()
    this.idle = setTimeout(() => this.end(undefined), idleFor).unref()
  }

  private stopTimers(): void {
    clearTimeout(this.idle)
    clearInterval(this.pings)
    this.pings = undefined
  }
}

/** The listeners of one client. */
export class Subscriber {
  private readonly port: RedisPort
  private readonly connections = new Map<string, Connection>()
  private stopListening: (() => void) | undefined

  constructor(port: RedisPort) {
    this.port = port
  }

  /** Listens to a topic. Each step of connecting and subscribing takes at most `timeout` milliseconds. */
  join(topic: Topic, listener: Listener, timeout: number): Subscriptions.Membership {
    const route = topic.pattern ? this.port.patternRoute : this.port.routeOf(topic.name)
    let connection = this.connections.get(route)
    if (connection === undefined) {
      // Closing the client closes what was opened beside it, or the process would not end.
      this.stopListening ??= this.port.onEnd(this.close)
      const opened = new Connection(this.port, route, timeout, () => this.drop(route, opened))
      this.connections.set(route, opened)
      connection = opened
    }
    return connection.join(topic, listener)
  }

  /** Closes all connections, and notifies all listeners. The next listener opens a new one. */
  readonly close = (): void => {
    for (const connection of [...this.connections.values()]) connection.end(new Error("the adapter was closed"))
  }

  private drop(route: string, connection: Connection): void {
    if (this.connections.get(route) === connection) this.connections.delete(route)
    if (this.connections.size > 0) return
    this.stopListening?.()
    this.stopListening = undefined
  }
}

/**
 * Who listens to which channel, over as few connections as the server allows: one; in a cluster one per master,
 * and one for patterns.
 *
 * A connection is opened by the first who listens and closed when nobody has for a while. A topic is
 * subscribed to by its first listener and left by its last. When a connection is lost all its listeners
 * are told, since they may have missed something, and whoever still wants to listen joins again, which opens
 * the next connection. So nothing here reconnects, and nothing is remembered of what is gone.
 */
import { isReply } from "../client/Failure.ts"
import { noop, type Push, type PushEvents, type RedisPort, type Topic } from "../client/RedisPort.ts"

/** One who listens. */
export interface Listener {
  readonly told: (channel: string, message: string) => void
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

/** The promise, or a rejection when it takes too long. */
const within = <A>(promise: Promise<A>, timeout: number): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })

const idOf = ({ name, pattern }: Topic): string => (pattern ? `*${name}` : `=${name}`)

/** One subscription, for all who listen to it. */
class Subscription {
  readonly topic: Topic
  readonly listeners = new Set<Listener>()
  live: Promise<void> = Promise.resolve()
  isLive = false

  constructor(topic: Topic) {
    this.topic = topic
  }

  tell(channel: string, message: string): void {
    for (const listener of [...this.listeners]) listener.told(channel, message)
  }
}

/** One connection. */
class Line {
  private readonly subscriptions = new Map<string, Subscription>()
  /** What is being left; who comes back waits for that. */
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

  join(topic: Topic, listener: Listener): Seat {
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

  /** Tells everybody; those whose subscription was not live yet are told by its failure. */
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
      if (isLive) for (const listener of [...listeners]) listener.lost()
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
      // A refusal is the topic's alone; anything else says that the connection does not work.
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

  /** A connection that is dead without knowing it would keep its listeners waiting. */
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
  private readonly lines = new Map<string, Line>()
  private stopListening: (() => void) | undefined

  constructor(port: RedisPort) {
    this.port = port
  }

  /** Listens to a topic; takes at most `timeout` milliseconds for each step of connecting and subscribing. */
  join(topic: Topic, listener: Listener, timeout: number): Seat {
    const route = topic.pattern ? this.port.patternRoute : this.port.routeOf(topic.name)
    let line = this.lines.get(route)
    if (line === undefined) {
      // Closing the client closes what was opened beside it, or the process would not end.
      this.stopListening ??= this.port.onEnd(this.close)
      const opened = new Line(this.port, route, timeout, () => this.drop(route, opened))
      this.lines.set(route, opened)
      line = opened
    }
    return line.join(topic, listener)
  }

  /** Closes all connections and tells everybody. The next who listens opens anew. */
  readonly close = (): void => {
    for (const line of [...this.lines.values()]) line.end(new Error("the adapter was closed"))
  }

  private drop(route: string, line: Line): void {
    if (this.lines.get(route) === line) this.lines.delete(route)
    if (this.lines.size > 0) return
    this.stopListening?.()
    this.stopListening = undefined
  }
}

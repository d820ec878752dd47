/**
 * Who waits for which change, over as few connections as the server allows: one, or one per master of a cluster.
 *
 * A connection is opened by the first who watches and closed when nobody has for a while. A channel is
 * subscribed to by its first watcher and left by its last. When a connection is lost all its watchers
 * are woken, since they may have missed something: they ask again, and whoever still has to wait opens
 * the next connection. So nothing here reconnects, and nothing is remembered of what is gone.
 */
import * as Latch from "effect/Latch"
import { isReply } from "./Failure.ts"
import { noop, type Push, type RedisPort } from "./RedisPort.ts"

/** One who watches. */
export interface Watcher {
  /** Settles when the subscription is live, or cannot be. */
  readonly live: Promise<void>
  /** Opens at the next change, or when one may have been missed. */
  readonly changed: Latch.Latch
  readonly leave: () => void
}

/** How long a connection without watchers is kept. */
const idleFor = 10_000

/** How often a connection with watchers is asked whether it still stands. */
const pingEvery = 15_000

/** The promise, or a rejection when it takes too long. */
const within = <A>(promise: Promise<A>, timeout: number): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })

class Channel {
  readonly watchers = new Set<Latch.Latch>()
  live: Promise<void> = Promise.resolve()
  isLive = false

  wake(): void {
    for (const latch of this.watchers) latch.openUnsafe()
  }
}

/** One connection. */
class Line {
  private readonly channels = new Map<string, Channel>()
  /** Channels that are being left; who comes back waits for that. */
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
    const events = {
      message: (name: string) => this.channels.get(name)?.wake(),
      lost: (cause: unknown) => this.end(cause)
    }
    this.opened = within(port.push(route, events, this.life.signal), timeout)
    this.opened.then(
      (push) => {
        this.push = push
      },
      (cause) => this.end(cause)
    )
  }

  join(name: string): Watcher {
    clearTimeout(this.idle)
    this.pings ??= setInterval(() => this.ping(), pingEvery).unref()
    let channel = this.channels.get(name)
    if (channel === undefined) {
      channel = new Channel()
      this.channels.set(name, channel)
      channel.live = this.subscribe(name, channel)
      channel.live.catch(noop)
    }
    const joined = channel
    const changed = Latch.makeUnsafe()
    joined.watchers.add(changed)
    return { live: joined.live, changed, leave: () => this.leave(name, joined, changed) }
  }

  /** Wakes everybody; those whose subscription was not live yet are told by its failure. */
  end(cause: unknown): void {
    if (this.gone) return
    this.gone = true
    this.cause = cause
    this.stopTimers()
    this.onGone()
    this.life.abort()
    for (const channel of this.channels.values()) channel.wake()
    this.channels.clear()
  }

  private async subscribe(name: string, channel: Channel): Promise<void> {
    try {
      const push = await this.opened
      await this.leaving.get(name)
      if (this.gone) throw this.cause
      await within(push.subscribe(name), this.timeout)
      if (this.gone) throw this.cause
    } catch (error) {
      if (this.channels.get(name) === channel) this.channels.delete(name)
      // A refusal is the channel's alone; anything else says that the connection does not work.
      if (isReply(error)) this.restWhenEmpty()
      else this.end(error)
      throw error
    }
    channel.isLive = true
    if (channel.watchers.size === 0) this.unsubscribe(name, channel)
  }

  private leave(name: string, channel: Channel, changed: Latch.Latch): void {
    channel.watchers.delete(changed)
    if (channel.watchers.size === 0 && channel.isLive) this.unsubscribe(name, channel)
  }

  private unsubscribe(name: string, channel: Channel): void {
    if (this.push === undefined || this.channels.get(name) !== channel) return
    this.channels.delete(name)
    const left = within(this.push.unsubscribe(name), this.timeout)
      .catch((cause) => this.end(cause))
      .finally(() => this.leaving.delete(name))
    this.leaving.set(name, left)
    this.restWhenEmpty()
  }

  /** A connection that is dead without knowing it would keep its watchers waiting. */
  private ping(): void {
    if (this.push !== undefined) within(this.push.ping(), this.timeout).catch((cause) => this.end(cause))
  }

  private restWhenEmpty(): void {
    if (this.channels.size > 0 || this.gone) return
    this.stopTimers()
    this.idle = setTimeout(() => this.end(undefined), idleFor).unref()
  }

  private stopTimers(): void {
    clearTimeout(this.idle)
    clearInterval(this.pings)
    this.pings = undefined
  }
}

/** The watchers of one client. */
export class Subscriber {
  private readonly port: RedisPort
  private readonly lines = new Map<string, Line>()
  private stopListening: (() => void) | undefined

  constructor(port: RedisPort) {
    this.port = port
  }

  /** Watches a channel; waits at most `timeout` milliseconds for each step of connecting and subscribing. */
  join(channel: string, timeout: number): Watcher {
    const route = this.port.routeOf(channel)
    let line = this.lines.get(route)
    if (line === undefined) {
      // Closing the client closes what was opened beside it, or the process would not end.
      this.stopListening ??= this.port.onEnd(this.close)
      const opened = new Line(this.port, route, timeout, () => this.drop(route, opened))
      this.lines.set(route, opened)
      line = opened
    }
    return line.join(channel)
  }

  /** Closes all connections and wakes everybody. The next watcher opens anew. */
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

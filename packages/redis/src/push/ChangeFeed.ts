/**
 * The changes of all keys of a prefix, while the adapter has a listener for them.
 *
 * One pattern subscription serves all listeners. Unlike a watcher, a feed joins again by itself when its connection is
 * lost, and reports both.
 */
import type { ChangeListener } from "@cache-locking/core"
import * as Keyspace from "../Keyspace.ts"
import { valueChanged } from "../Scripts.ts"
import type { Listener, Membership, Subscriber } from "./Subscriber.ts"

/**
 * The pauses between attempts to join again, in milliseconds. They double from the first to the longest, and half of
 * each is random, because all processes lose a server at once.
 */
const firstPause = 50
const longestPause = 2_000

export class ChangeFeed implements Listener {
  /** Settles when the subscription is live for the first time, or has failed. */
  readonly live: Promise<void>
  private readonly subscriber: Subscriber
  private readonly prefix: string
  private readonly listener: ChangeListener
  private readonly timeout: number
  private membership: Membership
  private stopped = false
  private isLost = false
  private pause = firstPause
  private timer: NodeJS.Timeout | undefined

  constructor(subscriber: Subscriber, prefix: string, listener: ChangeListener, timeout: number) {
    this.subscriber = subscriber
    this.prefix = prefix
    this.listener = listener
    this.timeout = timeout
    this.membership = this.join()
    this.live = this.membership.live
  }

  readonly onMessage = (channel: string, message: string): void => {
    if (message === valueChanged && !this.stopped) this.listener.changed(Keyspace.keyOf(this.prefix, channel))
  }

  readonly onLost = (): void => {
    if (this.stopped) return
    this.isLost = true
    this.joinLater()
    this.listener.lost()
  }

  /** Ends the feed before its scope does. */
  close(): void {
    if (this.stopped) return
    this.stop()
    if (!this.isLost) this.listener.lost()
  }

  readonly stop = (): void => {
    this.stopped = true
    clearTimeout(this.timer)
    this.membership.leave()
  }

  private join(): Membership {
    return this.subscriber.join({ name: Keyspace.patternOf(this.prefix, ""), pattern: true }, this, this.timeout)
  }

  private joinLater(): void {
    this.timer = setTimeout(this.joinAgain, this.pause * (0.5 + Math.random() / 2)).unref()
    this.pause = Math.min(2 * this.pause, longestPause)
  }

  private readonly joinAgain = (): void => {
    this.membership = this.join()
    this.membership.live.then(
      () => {
        if (this.stopped) return
        this.pause = firstPause
        this.isLost = false
        this.listener.restored()
      },
      () => {
        if (!this.stopped) this.joinLater()
      }
    )
  }
}

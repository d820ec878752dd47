/**
 * The changes of all keys of a prefix, for as long as somebody wants them.
 *
 * One pattern subscription, whoever listens. Unlike a watcher it joins again by itself when its connection is lost,
 * and says so before and after.
 */
import type { ChangeListener } from "@cache-locking/core"
import * as Keyspace from "../Keyspace.ts"
import { valueChanged } from "../Scripts.ts"
import type { Listener, Seat, Subscriber } from "./Subscriber.ts"

/**
 * The pauses between attempts to join again, in milliseconds: doubling, from the first to the last, and half of
 * each by chance, since all processes lose a server at once.
 */
const firstPause = 50
const longestPause = 2_000

export class ChangeFeed implements Listener {
  /** Settles when the subscription is live for the first time, or cannot be. */
  readonly live: Promise<void>
  private readonly subscriber: Subscriber
  private readonly prefix: string
  private readonly listener: ChangeListener
  private readonly timeout: number
  private seat: Seat
  private stopped = false
  private isLost = false
  private pause = firstPause
  private timer: NodeJS.Timeout | undefined

  constructor(subscriber: Subscriber, prefix: string, listener: ChangeListener, timeout: number) {
    this.subscriber = subscriber
    this.prefix = prefix
    this.listener = listener
    this.timeout = timeout
    this.seat = this.join()
    this.live = this.seat.live
  }

  readonly told = (channel: string, message: string): void => {
    if (message === valueChanged && !this.stopped) this.listener.changed(Keyspace.keyOf(this.prefix, channel))
  }

  readonly lost = (): void => {
    if (this.stopped) return
    this.isLost = true
    this.joinLater()
    this.listener.lost()
  }

  /** Ends it before its scope does. */
  close(): void {
    if (this.stopped) return
    this.stop()
    if (!this.isLost) this.listener.lost()
  }

  readonly stop = (): void => {
    this.stopped = true
    clearTimeout(this.timer)
    this.seat.leave()
  }

  private join(): Seat {
    return this.subscriber.join({ name: Keyspace.patternOf(this.prefix, ""), pattern: true }, this, this.timeout)
  }

  private joinLater(): void {
    this.timer = setTimeout(this.joinAgain, this.pause * (0.5 + Math.random() / 2)).unref()
    this.pause = Math.min(2 * this.pause, longestPause)
  }

  private readonly joinAgain = (): void => {
    this.seat = this.join()
    this.seat.live.then(
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

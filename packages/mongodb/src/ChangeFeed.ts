/**
 * The changes of all keys, for as long as somebody wants them.
 *
 * Unlike a watcher it joins again by itself when the change stream is lost, and says so before and after.
 */
import type { ChangeListener } from "@cache-locking/core"
import type { ChangeSubscriber, Listener, Seat } from "./ChangeSubscriber.ts"

/**
 * The pauses between attempts to join again, in milliseconds: doubling, from the first to the last, and half of
 * each by chance, since all processes lose a server at once.
 */
const firstPause = 50
const longestPause = 2_000

export class ChangeFeed implements Listener {
  /** Settles when the subscription is live for the first time, or cannot be. */
  readonly live: Promise<void>
  private readonly subscriber: ChangeSubscriber
  private readonly listener: ChangeListener
  private readonly timeout: number
  private seat: Seat
  /** Whether the seat of the last attempt is gone. */
  private seatLost = false
  /** Whether the listener believes that it hears everything. */
  private heard = false
  private stopped = false
  private pause = firstPause
  private timer: NodeJS.Timeout | undefined

  constructor(subscriber: ChangeSubscriber, listener: ChangeListener, timeout: number) {
    this.subscriber = subscriber
    this.listener = listener
    this.timeout = timeout
    this.seat = this.join()
    this.live = this.seat.live.then(() => {
      if (this.stopped) return
      this.heard = true
      if (this.seatLost) this.lose()
    })
    // Who wanted it may be gone before it is known.
    this.live.catch(() => {})
  }

  readonly told = (key: string, valued: boolean): void => {
    if (valued && !this.stopped) this.listener.changed(key)
  }

  readonly lost = (): void => {
    this.seatLost = true
    // What never was live has failed, and its caller knows; what tries again goes on by itself.
    if (this.heard && !this.stopped) this.lose()
  }

  /** Ends it before its scope does. */
  close(): void {
    if (this.stopped) return
    this.stop()
    if (this.heard) this.listener.lost()
  }

  readonly stop = (): void => {
    this.stopped = true
    clearTimeout(this.timer)
    this.seat.leave()
  }

  private lose(): void {
    this.heard = false
    this.joinLater()
    this.listener.lost()
  }

  private join(): Seat {
    this.seatLost = false
    return this.subscriber.join(undefined, this, this.timeout)
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
        if (this.seatLost) {
          this.joinLater()
          return
        }
        this.pause = firstPause
        this.heard = true
        this.listener.restored()
      },
      () => {
        if (!this.stopped) this.joinLater()
      }
    )
  }
}

/**
 * The changes of all keys, while the adapter has a listener for them.
 *
 * Unlike a watcher, a feed joins again by itself when the change stream is lost, and reports both.
 */
import type { ChangeListener } from "@cache-locking/core"
import type { ChangeSubscriber, Listener, Membership } from "./ChangeSubscriber.ts"

/**
 * The pauses between attempts to join again, in milliseconds. They double from the first to the longest, and half of
 * each is random, because all processes lose a server at once.
 */
const firstPause = 50
const longestPause = 2_000

export class ChangeFeed implements Listener {
  /** Settles when the subscription is live for the first time, or has failed. */
  readonly live: Promise<void>
  private readonly subscriber: ChangeSubscriber
  private readonly listener: ChangeListener
  private readonly timeout: number
  private membership: Membership
  /** True when the membership of the last attempt is gone. */
  private membershipLost = false
  /** True while the listener counts on hearing every change. */
  private heard = false
  private stopped = false
  private pause = firstPause
  private timer: NodeJS.Timeout | undefined

  constructor(subscriber: ChangeSubscriber, listener: ChangeListener, timeout: number) {
    this.subscriber = subscriber
    this.listener = listener
    this.timeout = timeout
    this.membership = this.join()
    this.live = this.membership.live.then(() => {
      if (this.stopped) return
      this.heard = true
      if (this.membershipLost) this.lose()
    })
    // The caller may be gone before this settles.
    this.live.catch(() => {})
  }

  readonly onMessage = (key: string, valued: boolean): void => {
    if (valued && !this.stopped) this.listener.changed(key)
  }

  readonly onLost = (): void => {
    this.membershipLost = true
    // A feed that never was live has failed, and its caller knows. One that tries again goes on by itself.
    if (this.heard && !this.stopped) this.lose()
  }

  /** Ends the feed before its scope does. */
  close(): void {
    if (this.stopped) return
    this.stop()
    if (this.heard) this.listener.lost()
  }

  readonly stop = (): void => {
    this.stopped = true
    clearTimeout(this.timer)
    this.membership.leave()
  }

  private lose(): void {
    this.heard = false
    this.joinLater()
    this.listener.lost()
  }

  private join(): Membership {
    this.membershipLost = false
    return this.subscriber.join(undefined, this, this.timeout)
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
        if (this.membershipLost) {
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

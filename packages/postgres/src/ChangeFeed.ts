/**
 * The changes of all keys of a prefix, while the adapter has a listener for them.
 *
 * Messages hold the hash of a key. Keys that were used here lately are known by their hashes; others are looked up,
 * many at once. For that a row outlives its contents by a minute. A row that is gone all the same may have been any
 * key's, and then the feed reports a loss. Unlike a watcher, a feed joins again by itself when its connection is lost,
 * and reports both.
 */
import type { ChangeListener } from "@cache-locking/core"
import { valueChanged } from "./Statements.ts"
import type { Listener, Membership, Subscriber } from "./Subscriber.ts"

/**
 * The pauses between attempts to join again, in milliseconds. They double from the first to the longest, and half of
 * each is random, because all processes lose a server at once.
 */
const firstPause = 50
const longestPause = 2_000

/** The keys that one look-up asks for. */
const batch = 500

/** The parts that a feed needs. */
export interface Source {
  readonly subscriber: Subscriber
  readonly channel: string
  readonly timeout: number
  /** The key of a hash, if it was used here lately. */
  readonly known: (id: string) => string | undefined
  /** The keys of these hashes, as far as their rows exist. Rejects when the server does not answer. */
  readonly lookUp: (ids: ReadonlyArray<string>) => Promise<ReadonlyArray<string>>
}

export class ChangeFeed implements Listener {
  /** Settles when the subscription is live for the first time, or has failed. */
  readonly live: Promise<void>
  private readonly source: Source
  private readonly listener: ChangeListener
  private membership: Membership
  private readonly pending = new Set<string>()
  private looking = false
  private stopped = false
  private isLost = false
  /** True when the connection was lost again during an attempt to join. */
  private lostAgain = false
  private pause = firstPause
  private timer: NodeJS.Timeout | undefined

  constructor(source: Source, listener: ChangeListener) {
    this.source = source
    this.listener = listener
    this.membership = this.join()
    this.live = this.membership.live
  }

  readonly onMessage = (kind: string, id: string): void => {
    if (kind !== valueChanged || this.stopped || this.isLost) return
    const key = this.source.known(id)
    if (key !== undefined) {
      this.listener.changed(key)
      return
    }
    this.pending.add(id)
    if (!this.looking) void this.lookUp()
  }

  readonly onLost = (): void => {
    this.lostAgain = true
    if (this.stopped || this.isLost) return
    this.isLost = true
    this.pending.clear()
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
    this.pending.clear()
    clearTimeout(this.timer)
    this.membership.leave()
  }

  private join(): Membership {
    const { channel, subscriber, timeout } = this.source
    return subscriber.join({ channel, id: undefined }, this, timeout)
  }

  private async lookUp(): Promise<void> {
    this.looking = true
    while (this.pending.size > 0) {
      const ids = [...this.pending].slice(0, batch)
      for (const id of ids) this.pending.delete(id)
      try {
        const keys = await this.source.lookUp(ids)
        if (this.stopped || this.isLost) continue
        for (const key of keys) this.listener.changed(key)
        if (keys.length < ids.length) {
          this.listener.lost()
          this.listener.restored()
        }
      } catch {
        if (!this.stopped && !this.isLost) this.membership.leave()
        this.onLost()
      }
    }
    this.looking = false
  }

  private joinLater(): void {
    this.timer = setTimeout(this.joinAgain, this.pause * (0.5 + Math.random() / 2)).unref()
    this.pause = Math.min(2 * this.pause, longestPause)
  }

  private readonly joinAgain = (): void => {
    this.lostAgain = false
    this.membership = this.join()
    const failed = () => {
      if (this.stopped) return
      this.membership.leave()
      this.joinLater()
    }
    // A feed that cannot look keys up cannot report changes.
    Promise.all([this.membership.live, this.source.lookUp([])]).then(() => {
      if (this.lostAgain) {
        failed()
        return
      }
      if (this.stopped) return
      this.pause = firstPause
      this.isLost = false
      this.listener.restored()
    }, failed)
  }
}

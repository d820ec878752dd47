/**
 * The changes of all keys of a prefix, for as long as somebody wants them.
 *
 * What is told is the hash of a key. Keys that were used here lately are known by it; others are looked up, many at
 * once. A row outlives what it held by a
 * minute for that. One that is gone all the same may have been any key's, and then everything is called lost. Unlike
 * a watcher a feed joins again by itself when its connection is lost, and says so before and after.
 */
import type { ChangeListener } from "@cache-locking/core"
import { valueChanged } from "./Statements.ts"
import type { Listener, Seat, Subscriber } from "./Subscriber.ts"

/**
 * The pauses between attempts to join again, in milliseconds: doubling, from the first to the last, and half of
 * each by chance, since all processes lose a server at once.
 */
const firstPause = 50
const longestPause = 2_000

/** How many keys are looked up at once. */
const batch = 500

/** What a feed needs. */
export interface Source {
  readonly subscriber: Subscriber
  readonly channel: string
  readonly timeout: number
  /** The key of a hash, if it was used here lately. */
  readonly known: (id: string) => string | undefined
  /** The keys of these hashes, as far as there are any. Rejects when nobody can tell. */
  readonly lookUp: (ids: ReadonlyArray<string>) => Promise<ReadonlyArray<string>>
}

export class ChangeFeed implements Listener {
  /** Settles when the subscription is live for the first time, or cannot be. */
  readonly live: Promise<void>
  private readonly source: Source
  private readonly listener: ChangeListener
  private seat: Seat
  private readonly pending = new Set<string>()
  private looking = false
  private stopped = false
  private isLost = false
  /** Lost anew while it was being restored. */
  private lostAgain = false
  private pause = firstPause
  private timer: NodeJS.Timeout | undefined

  constructor(source: Source, listener: ChangeListener) {
    this.source = source
    this.listener = listener
    this.seat = this.join()
    this.live = this.seat.live
  }

  readonly told = (kind: string, id: string): void => {
    if (kind !== valueChanged || this.stopped || this.isLost) return
    const key = this.source.known(id)
    if (key !== undefined) {
      this.listener.changed(key)
      return
    }
    this.pending.add(id)
    if (!this.looking) void this.lookUp()
  }

  readonly lost = (): void => {
    this.lostAgain = true
    if (this.stopped || this.isLost) return
    this.isLost = true
    this.pending.clear()
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
    this.pending.clear()
    clearTimeout(this.timer)
    this.seat.leave()
  }

  private join(): Seat {
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
        if (!this.stopped && !this.isLost) this.seat.leave()
        this.lost()
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
    this.seat = this.join()
    const failed = () => {
      if (this.stopped) return
      this.seat.leave()
      this.joinLater()
    }
    // Only who can look keys up again can tell of changes again.
    Promise.all([this.seat.live, this.source.lookUp([])]).then(() => {
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

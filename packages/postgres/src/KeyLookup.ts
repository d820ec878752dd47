/**
 * The keys behind the hashes in messages, for one feed of changes.
 *
 * Keys that this process recently used are known by their hashes; others are looked up, many at once. For that a row
 * outlives its contents by a minute. A row that is gone all the same may have been any key's, and then the feed reports
 * a loss.
 */
import type { Subscriptions } from "@cache-locking/core"
import { valueChanged } from "./Statements.ts"

/** The keys that one look-up asks for. */
const batch = 500

/** The two means to find the key of a hash. */
export interface Keys {
  /** The key of a hash, if this process recently used it. */
  readonly known: (id: string) => string | undefined
  /** The keys of these hashes, as far as their rows exist. Rejects when the server does not answer. */
  readonly lookUp: (ids: ReadonlyArray<string>) => Promise<ReadonlyArray<string>>
}

export class KeyLookup {
  private readonly feed: Subscriptions.ChangeFeed
  private readonly keys: Keys
  private readonly pending = new Set<string>()
  private isLooking = false

  constructor(feed: Subscriptions.ChangeFeed, keys: Keys) {
    this.feed = feed
    this.keys = keys
  }

  readonly onMessage = (kind: string, id: string): void => {
    if (kind !== valueChanged || !this.feed.isListening) return
    const key = this.keys.known(id)
    if (key !== undefined) {
      this.feed.changed(key)
      return
    }
    this.pending.add(id)
    if (!this.isLooking) void this.lookUp()
  }

  readonly onLost = (): void => {
    this.pending.clear()
    this.feed.lost()
  }

  private async lookUp(): Promise<void> {
    this.isLooking = true
    while (this.pending.size > 0 && this.feed.isListening) {
      const ids = [...this.pending].slice(0, batch)
      for (const id of ids) this.pending.delete(id)
      try {
        const keys = await this.keys.lookUp(ids)
        if (!this.feed.isListening) break
        for (const key of keys) this.feed.changed(key)
        if (keys.length < ids.length) this.feed.missed()
      } catch {
        this.feed.rejoin()
      }
    }
    this.pending.clear()
    this.isLooking = false
  }
}

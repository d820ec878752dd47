/** The listings that a link reads page by page. */
import { Entry } from "@cache-locking/core"
import { Refused } from "./Refused.ts"
import { now, type Space } from "./Space.ts"

/** Keys in one page. */
const pageKeys = 1_000

/** Listings that one link may have open. The oldest is dropped first. */
const maxListings = 64

interface Listing {
  readonly keys: ReadonlyArray<string>
  /** The pages have values beside the keys. */
  readonly entries: boolean
  at: number
}

export class Listings {
  private readonly open = new Map<number, Listing>()

  begin(id: number, keys: ReadonlyArray<string>, entries: boolean): void {
    if (this.open.size >= maxListings) this.open.delete(this.open.keys().next().value!)
    this.open.set(id, { keys, entries, at: 0 })
  }

  next(id: number, space: Space): unknown {
    const listing = this.open.get(id)
    if (listing === undefined) throw new Refused("Failed", "the listing has ended, or newer ones took its place")
    const keys = listing.keys.slice(listing.at, listing.at + pageKeys)
    listing.at += pageKeys
    const done = listing.at >= listing.keys.length
    if (done) this.open.delete(id)
    if (!listing.entries) return { items: keys, done }
    const at = now()
    const items = keys.flatMap((key) => {
      const row = space.find(key, true)
      return row === undefined ? [] : [[key, row.value.bytes, Entry.freshUntil(row) - at, row.size]]
    })
    return { items, done }
  }

  end(id: number): boolean {
    return this.open.delete(id)
  }
}

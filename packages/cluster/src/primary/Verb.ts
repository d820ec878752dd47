import type { Listings } from "./Listings.ts"
import type { Space } from "./Space.ts"
import type { Listener } from "./Watchers.ts"

/** The link that calls a verb. */
export interface Caller {
  /** Names the link, which owns the leases that it takes. */
  readonly link: string
  /** Begins a subscription, which lasts until the link drops it. */
  readonly subscribe: (id: number, begin: (to: Listener) => () => void) => void
  readonly listings: Listings
}

/** A verb of the primary. Its result is plain data and bytes, as they travel. */
export type Verb = (space: Space, args: ReadonlyArray<any>, caller: Caller) => unknown

/**
 * What the cache by itself asks for beyond the contract: a load that was forced is one that later callers join, whoever they
 * are, and be it that they force one themselves.
 *
 * To the contract a fresh value is a hit, and whoever forces leads. Whoever joins is a follower of the forced load
 * instead, and is answered with its value or its failure.
 */
import { type Acquired, type AcquireOptions, Entry, Token } from "@cache-locking/core"
import type { Holder } from "./LeaseTable.ts"

/** Comes with an `acquire`. `seen`: what `Joined` told when this flight was made a follower. */
export interface Joining {
  readonly seen: number | undefined
}

/** Told with `Follower`: the last write of the key. What is written later is newer than the asking. */
export interface Joined {
  readonly seen?: number | undefined
}

/** What is known of the key. */
export interface Known {
  readonly entry: Entry.Entry | undefined
  readonly holder: Holder | undefined
  readonly write: number
}

/** No lease is granted here. */
const nobody = (): Token => Token("")

/** The answer to one who joins, unless it is the contract's. */
export const join = (
  { entry, holder, write }: Known,
  at: number,
  options: AcquireOptions,
  { seen }: Joining
): (Acquired & Joined) | undefined => {
  const { cooldown, lease } = entry ?? {}
  const [plain] = Entry.acquire(entry, at, { ...options, force: false }, nobody)
  if (lease !== undefined && at < lease.until && holder?.forced && lease.owner !== options.owner) {
    const stale = plain._tag === "Follower" ? plain.stale : undefined
    return { _tag: "Follower", leaseEndsIn: lease.until - at, stale, seen: write }
  }
  if (seen === undefined || options.force !== true) return undefined
  // The load for which it waited is over.
  if (plain._tag === "Hit" && write !== seen) return plain
  if (cooldown === undefined || at >= cooldown.until) return undefined
  return { _tag: "Cooling", retryIn: cooldown.until - at, cause: cooldown.cause }
}

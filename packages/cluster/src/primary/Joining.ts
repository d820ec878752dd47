/**
 * The rule of the cache by itself that goes beyond the contract: later callers join a forced load, whether they force one
 * themselves or not.
 *
 * By the contract a fresh value is a hit, and a caller that forces leads. A caller that joins is a follower of the
 * forced load instead, and gets its value or its failure.
 */
import { type Acquired, type AcquireOptions, Entry, Token } from "@cache-locking/core"
import type { Holder } from "./LeaseTable.ts"

/** Comes with an `acquire`. `seen` is from the `Joined` that made this flight a follower. */
export interface Joining {
  readonly seen: number | undefined
}

/** Comes with a `Follower`: the key's last write. A later write is newer than the call. */
export interface Joined {
  readonly seen?: number | undefined
}

/** The state of the key. */
export interface Known {
  readonly entry: Entry.Entry | undefined
  readonly holder: Holder | undefined
  readonly write: number
}

/** Computes the contract's answer without granting a lease. */
const noToken = (): Token => Token("")

/** The answer to a caller that joins; `undefined` where the contract's answer holds. */
export const join = (
  { entry, holder, write }: Known,
  at: number,
  options: AcquireOptions,
  { seen }: Joining
): (Acquired & Joined) | undefined => {
  const { cooldown, lease } = entry ?? {}
  const [plain] = Entry.acquire(entry, at, { ...options, force: false }, noToken)
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

/**
 * The contract between cache-locking and a backend.
 *
 * Eight verbs, each atomic, each safe to repeat, each one round trip where the backend allows it. A
 * key is in one of a few states, which `Entry` defines: it may have a value (fresh, then stale,
 * then gone), it may be leased to one flight, and it may be cooling down after a failed load.
 *
 * Every duration is a number of **milliseconds** and may be `Infinity` where a lifetime has no end.
 * Durations cross this contract, instants never do: a backend reads its own clock. Values are bytes
 * that the adapter keeps and returns without reading them.
 *
 * The laws below bind every adapter; `@cache-locking/conformance-kit` runs each
 * of them with two peers on one backend.
 *
 *  1. A missing or expired key is granted to exactly one owner, however many ask at once.
 *  2. `owner` names one flight, never a process. The same owner asking again while its
 *     lease lives still leads, with the same token: a lost reply can be retried.
 *  3. A lease that ended is lost, even if nobody took it.
 *  4. `fill`, `abandon` and `renew` with a lost token change nothing and answer `false`.
 *  5. `delete` and `put` void the lease: a load that began before them can never fill,
 *     not even when its owner was granted the key anew.
 *  6. After a leader's crash or abandon exactly one next caller leads; a late or tokenless wake-up never makes two
 *     leaders.
 *  7. A fresh value under a refresh lease is still a `Hit` for everyone else.
 *  8. `watch` never misses a change made after its outer effect completed; waking
 *     belongs to the verb that causes it.
 *  9. A value is returned byte for byte, the empty value included; a key may hold any
 *     Unicode; caching the key `lease:x` never touches the lease of `x`.
 * 10. A key or value over `limits` is refused with a `Rejected` error and nothing changes.
 * 11. An expired value is never returned, even when the backend's own collection lags.
 * 12. Nothing is left behind: every record carries the backend's own expiry where it has one.
 * 13. A backend that shares a clock is immune to its clients' clocks; one that cannot
 *     share one says so in `limits.clock`.
 * 14. Every verb settles in bounded time: an adapter puts a timeout on every call that leaves the process.
 * 15. `touch` changes nothing but how long a fresh value stays fresh; `fill` without a value gives the one that is
 *     there a new lifetime, and never brings back one that is gone.
 * 16. `changes` never misses a change made while it is live, or calls `lost`.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

/**
 * A value on its way into or out of a backend.
 *
 * An adapter that leaves the process reads `bytes` when it fills and answers
 * `{ bytes }` when it hits. An adapter that stays in the process may keep the object itself: core hides the decoded
 * value behind it, and computes `bytes` only on demand.
 */
export interface Value {
  readonly bytes: Uint8Array
}

/**
 * A fencing token: proof that a flight leads a key. Every grant of a lease has a new one, and a write with an old one
 * changes nothing. It is opaque: only the backend reads it.
 */
export type Token = string & { readonly Token: unique symbol }

/** Brands a backend's own text as a token. */
export const Token = (text: string): Token => text as Token

/** The answer of `acquire`. */
export type Acquired = Hit | Leader | Follower | Cooling

/** A fresh value. No lease was taken. */
export interface Hit {
  readonly _tag: "Hit"
  readonly value: Value
  /** Milliseconds until the value is no longer fresh. */
  readonly freshFor: number
  /** Milliseconds since the value was filled. */
  readonly age: number
  /** Milliseconds from the grant of the lease to the fill, by the backend's clock; 0 for what was put. */
  readonly took: number
}

/** A fresh value that is in this process. */
export interface LocalHit {
  readonly value: Value
  /** Milliseconds until the value is no longer fresh. */
  readonly freshFor: number
  /** Milliseconds since the value was filled. Absent for a value that never expires, because no clock is read for it. */
  readonly age: number | undefined
}

/** The part of Effect's `Clock` that a local hit needs. */
export interface LocalClock {
  /** Nanoseconds of a time that never steps. */
  readonly monotonicTimeNanosUnsafe: () => bigint
}

/** No fresh value, or one that is due for an early refresh. The lease is yours. */
export interface Leader {
  readonly _tag: "Leader"
  readonly token: Token
  readonly stale?: Stale | undefined
}

/** No fresh value, and another flight leads. */
export interface Follower {
  readonly _tag: "Follower"
  /** Milliseconds until the leader's lease ends, if it is not renewed. */
  readonly leaseEndsIn: number
  readonly stale?: Stale | undefined
}

/** A leader failed a moment ago: do not load yet. */
export interface Cooling {
  readonly _tag: "Cooling"
  /** Milliseconds until the next caller may lead. */
  readonly retryIn: number
  /** The reason that the failed leader left for the others, as `abandon` got it. */
  readonly cause?: Value | undefined
  readonly stale?: Stale | undefined
}

/** A value past its freshness (or, with an early refresh, about to be) and inside its stale window. */
export interface Stale {
  readonly value: Value
  /** Milliseconds since the value was filled. */
  readonly age: number
  /** Milliseconds from the grant of the lease to the fill; 0 for what was put. */
  readonly took: number
  /** Milliseconds since the value ceased to be fresh; 0 while it still is. */
  readonly staleFor: number
}

/** The lifetime of a value, in milliseconds. */
export interface Lifetime {
  /** Served as a `Hit` for this long. */
  readonly fresh: number
  /** Then kept this long as `stale` beside the lease of the next load. */
  readonly stale: number
}

/** Everything known of a key, for `get`, `has`, `explain` and tiers. Reading takes no lease. */
export interface Snapshot {
  /** The value, fresh or stale, if it is not expired. */
  readonly value?: Value | undefined
  /** Milliseconds of freshness left; 0 once stale or absent. */
  readonly freshFor: number
  /** Milliseconds until the value is gone altogether; 0 when absent. */
  readonly keptFor: number
  /** Milliseconds since the value was filled; 0 when absent. */
  readonly age: number
  /** Milliseconds from the grant of the lease to the fill; 0 when absent or put. */
  readonly took: number
  readonly lease?: { readonly owner: string; readonly endsIn: number } | undefined
  readonly cooling?: { readonly retryIn: number; readonly cause?: Value | undefined } | undefined
}

/** The limits of a backend: numbers, not promises. The conformance kit reads them too. */
export interface AdapterLimits {
  /** The length of the longest key, in UTF-8 bytes. Longer keys are refused. */
  readonly keyBytes: number
  /** The size of the largest value, in bytes. Larger values are refused. */
  readonly valueBytes: number
  /** The finest time the backend keeps, in milliseconds: 1 in Redis, 1000 in Memcached. */
  readonly tick: number
  /** The clock that ends leases. With `"client"`, hosts need clocks that agree within a stated bound. */
  readonly clock: "store" | "client"
  /**
   * The shortest lease, in milliseconds, that hosts agree on although their clocks differ. A cache refuses a shorter
   * `leaseTtl`. Absent where the clocks of hosts play no part, or are trusted.
   */
  readonly shortestLease?: number | undefined
}

/** The answer of a verb that needs a lease: true when the lease was still yours. A lost lease is an answer, never an error. */
export type Held = boolean

/** The options of `acquire`. */
export interface AcquireOptions {
  /** Names one flight. Asking again with the same owner is safe. */
  readonly owner: string
  /** Milliseconds that the lease lasts if it is granted. */
  readonly leaseFor: number
  /** Grants the lease also when at most this much freshness is left: an early refresh. */
  readonly refreshWithin?: number | undefined
  /**
   * Always leads, even if the value is fresh or the key cools down. It voids the lease of another flight, so that a
   * load begun before this one can never overwrite it. The value stays until the fill.
   */
  readonly force?: boolean | undefined
}

/** The options of `fill`. */
export interface FillOptions {
  readonly token: Token
  /** Absent when the origin said that the value is unchanged. */
  readonly value?: Value | undefined
  readonly lifetime: Lifetime
}

/** The listener of `changes`. */
export interface ChangeListener {
  /** Called when a key was filled, put or deleted, by anyone; perhaps more than once for one change. */
  readonly changed: (key: string) => void
  /** Called when changes may be missed from now on. */
  readonly lost: () => void
  /** Called when changes arrive again. Any change may have been missed since `lost`. */
  readonly restored: () => void
}

/** The counts of one tier, in this process, of an adapter that has several. */
export interface TierStats {
  readonly name: string
  readonly hits: number
  readonly misses: number
  readonly evictions: number
}

/** A backend behind the contract. */
export interface Adapter {
  /** The backend's name, for errors, metrics and spans: `"redis"`. */
  readonly name: string
  readonly limits: AdapterLimits
  /**
   * True when the adapter keeps and returns the very objects that were filled, so that nothing needs to be encoded. An
   * adapter that leaves the process leaves this out.
   */
  readonly keepsReferences?: boolean | undefined
  /** True when `hitUnsafe` never answers a value one of whose tags was invalidated. */
  readonly dropsTagged?: boolean | undefined
  /**
   * Adapters that reach the same keys of the same store have the same identity, and
   * the callers of one process share flights across them. Defaults to the adapter itself.
   */
  readonly identity?: object | undefined

  /**
   * Returns the value if it is fresh. Otherwise it grants the lease to exactly one owner; every other caller is a
   * follower.
   */
  readonly acquire: (key: string, options: AcquireOptions) => Effect.Effect<Acquired, AdapterError>

  /**
   * Stores the value, ends the lease and wakes watchers, if the token still leads. Without a value, the one that is
   * there begins its lifetime anew, and no bytes travel; `false` also if none is there any more. With a lifetime of
   * nothing the value that is there ends with the lease.
   */
  readonly fill: (key: string, options: FillOptions) => Effect.Effect<Held, AdapterError>

  /**
   * Ends the lease without a value and wakes watchers. A value that was there stays.
   * With `cooldown` (milliseconds) no flight leads for that long, and every caller gets `cause`.
   */
  readonly abandon: (
    key: string,
    options: { readonly token: Token; readonly cooldown?: number | undefined; readonly cause?: Value | undefined }
  ) => Effect.Effect<Held, AdapterError>

  /** Restarts the lease's time. Wakes no watcher. */
  readonly renew: (
    key: string,
    options: { readonly token: Token; readonly leaseFor: number }
  ) => Effect.Effect<Held, AdapterError>

  /**
   * Removes the value, voids the lease, ends a cooldown and wakes watchers. Answers true if there was a value, or if that
   * cannot be known: the client sent the request again, because the first reply was lost, and nothing was left.
   */
  readonly delete: (key: string) => Effect.Effect<boolean, AdapterError>

  /** Stores the value in any case, voids the lease, ends a cooldown and wakes watchers. */
  readonly put: (
    key: string,
    options: { readonly value: Value; readonly lifetime: Lifetime }
  ) => Effect.Effect<void, AdapterError>

  /**
   * Keeps a fresh value fresh for this long (milliseconds) from now, not longer and not shorter. Answers true if there
   * was one. Wakes no watcher, and no bytes travel.
   */
  readonly touch: (key: string, options: { readonly freshFor: number }) => Effect.Effect<boolean, AdapterError>

  /** Answers what is there and changes nothing. */
  readonly read: (key: string) => Effect.Effect<Snapshot, AdapterError>

  /**
   * Present when the backend can push. The outer effect completes once the subscription is live;
   * the inner one completes at the next `fill`, `abandon`, `put` or `delete` that changed the key.
   * It may complete without a change: the watcher asks again in any case. When the connection that
   * pushes is lost it completes too, or fails.
   */
  readonly watch?:
    | ((key: string) => Effect.Effect<Effect.Effect<void, AdapterError>, AdapterError, Scope.Scope>)
    | undefined

  /**
   * Present when the backend can list: the keys that have a value or are leased. Every key that is one of them from the
   * beginning of the listing to its end is listed. No order, no snapshot.
   */
  readonly keys?: ((prefix: string) => Stream.Stream<string, AdapterError>) | undefined

  /**
   * Present when the backend can push changes of all keys. The effect completes once the subscription is live, which
   * lasts as long as the scope.
   */
  readonly changes?: ((listener: ChangeListener) => Effect.Effect<void, AdapterError, Scope.Scope>) | undefined

  /** Present when the backend can acquire many keys at once, in the order given. */
  readonly acquireMany?:
    | ((keys: ReadonlyArray<string>, options: AcquireOptions) => Effect.Effect<ReadonlyArray<Acquired>, AdapterError>)
    | undefined

  /** Present when the backend can delete many keys at once. Answers the number of keys that had a value. */
  readonly deleteMany?: ((keys: ReadonlyArray<string>) => Effect.Effect<number, AdapterError>) | undefined

  /**
   * Present when fresh values can be had without leaving the process. Called first on
   * every read, with the caller's clock; must be quick, must not throw.
   */
  readonly hitUnsafe?: ((key: string, clock: LocalClock) => LocalHit | undefined) | undefined

  /** Present with `hitUnsafe`. Answers only the value, and allocates nothing. */
  readonly valueUnsafe?: ((key: string, clock: LocalClock) => Value | undefined) | undefined

  /** Present when values may be evicted before their time: the number of evictions in this process. For `stats`. */
  readonly evictions?: (() => number) | undefined

  /** Present when the adapter has several tiers: the counts of each, the nearest first. For `stats`. */
  readonly tiers?: (() => ReadonlyArray<TierStats>) | undefined

  /**
   * Present where every request is billed or expensive: the least first delay of polling, in milliseconds, which
   * replaces a shorter `waitStep`. A wait strategy with delays of its own keeps them.
   */
  readonly pollEvery?: number | undefined

  /**
   * Present when the store has parts that fail on their own, such as the nodes of a cluster: the part of a key. A part
   * that is down is asked no more until it answers, and the others are not affected.
   */
  readonly partOf?: ((key: string) => string | undefined) | undefined

  /**
   * Releases what the adapter itself opened (a subscriber connection, timers), never
   * what it was given. Safe to repeat; a later use opens again.
   */
  readonly close?: Effect.Effect<void> | undefined
}

/**
 * Every member of an adapter by name, so that an adapter made of another forgets none: a member that does not hold for it
 * is `undefined`.
 */
export type EveryMember = { readonly [Name in keyof Required<Adapter>]: Adapter[Name] }

/** The adapter as an Effect service, which the `layer` of every adapter package provides. */
export const Adapter: Context.Service<Adapter, Adapter> = Context.Service<Adapter>("@cache-locking/core/Adapter")

/** A backend that can list its keys, as patterns of keys need it. */
export interface ListingAdapter extends Adapter {
  readonly keys: NonNullable<Adapter["keys"]>
}

/** The same as an Effect service. The layers of adapters that can list provide it beside `Adapter`. */
export const ListingAdapter: Context.Service<ListingAdapter, ListingAdapter> = Context.Service<ListingAdapter>(
  "@cache-locking/core/ListingAdapter"
)

/** The verbs, as they appear in errors. */
export type Operation =
  | "acquire"
  | "fill"
  | "abandon"
  | "renew"
  | "delete"
  | "put"
  | "touch"
  | "read"
  | "watch"
  | "keys"
  | "changes"
  | "acquireMany"
  | "deleteMany"

/**
 * A backend failed. `Unavailable` may be temporary (a connection, a timeout, throttling), and the
 * call may be repeated. `Rejected` is permanent (a limit, a permission, a wrong type). Neither
 * message nor cause may contain a value or a secret.
 */
export class AdapterError extends Data.TaggedError("AdapterError")<{
  readonly adapter: string
  readonly operation: Operation
  readonly key?: string | undefined
  readonly reason: "Unavailable" | "Rejected"
  readonly message: string
  readonly cause?: unknown
  /**
   * Present when the store was asked for too much, or the record is busy: the shortest pause before the call is repeated,
   * in milliseconds. Only with `Unavailable`. Such a store answers, so it is not down.
   */
  readonly retryAfter?: number | undefined
  /**
   * Present when the request was sent, and this process was awake all the time and had no answer: for how many
   * milliseconds. A store that is silent for a second counts as down.
   */
  readonly unanswered?: number | undefined
  /** True when the store itself refused, so that it can be reached: it is not down. */
  readonly answered?: boolean | undefined
  /** True when the request was not sent, so that nothing can have been done. */
  readonly unsent?: boolean | undefined
}> {
  /** True when asking again may help. */
  get retryable(): boolean {
    return this.reason === "Unavailable"
  }

  /** The same failure under the verb and key that the caller asked for, when a part of the adapter failed. */
  as(operation: Operation, key: string | undefined): AdapterError {
    if (this.operation === operation && this.key === key) return this
    const { adapter, answered, cause, message, reason, retryAfter, unanswered, unsent } = this
    const kept = { adapter, answered, cause, message, reason, retryAfter, unanswered, unsent }
    return new AdapterError({ ...kept, operation, key })
  }
}

/** Marks the errors of every copy of this module, whose classes differ. */
const brand = Symbol.for("@cache-locking/core/AdapterError")
Object.defineProperty(AdapterError.prototype, brand, { value: true })

/** True for an `AdapterError`, also for one of another copy of this package. Safe on any value. */
export const isAdapterError = (error: unknown): error is AdapterError => {
  try {
    return (error as { readonly [brand]?: true } | null | undefined)?.[brand] === true
  } catch {
    return false
  }
}

/**
 * For backends that keep values but cannot decide a race: Cloudflare KV, the cache of a CDN.
 *
 * `withLeases` combines such a store with any adapter. The bytes of a load are written to the value store under a name
 * that no other load ever has, and the lease store keeps that name as its value. So a fill is fenced exactly as the lease
 * store fences it, and a reader finds the whole value or none, never another load's. A hit costs one round trip to each
 * store, and so does a fill. Where the value is small enough for the lease store (`inlineBytes`), only that one is asked.
 * The lease store also keeps the versions of tags and the log of invalidations: where one could not be read, a tag would
 * look as if it had never been invalidated.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import {
  type Acquired,
  type AcquireOptions,
  Adapter,
  AdapterError,
  type Cooling,
  type EveryMember,
  type FillOptions,
  type Follower,
  type Hit,
  type Lifetime,
  ListingAdapter,
  type Operation,
  type Snapshot,
  type Stale,
  type Value
} from "../contract/Adapter.ts"
import * as AdapterLayer from "../contract/AdapterLayer.ts"
import * as Identity from "../contract/Identity.ts"
import * as Limits from "../contract/Limits.ts"
import * as Namespace from "../contract/Namespace.ts"
import { inline, inlined, type Pairing, parse, ValueStore, Versions } from "./Versions.ts"

export { type Pairing, ValueStore } from "./Versions.ts"

/** Attempts to find an answer while other flights change the key. */
const attempts = 8

/** The requests under way at once for the verbs of many keys. */
const concurrency = 16

class Pair {
  readonly name: string
  readonly limits: Adapter["limits"]
  private readonly versions: Versions
  private readonly leases: Adapter

  constructor(values: ValueStore, leases: Adapter, pairing: Pairing) {
    this.versions = new Versions(values, pairing)
    this.leases = leases
    this.name = values.name === leases.name ? values.name : `${values.name}+${leases.name}`
    this.limits = { ...leases.limits, valueBytes: values.valueBytes }
  }

  readonly acquire: Adapter["acquire"] = (key, options) =>
    Limits.refusal(this, "acquire", key) ??
    Effect.flatMap(this.leases.acquire(key, options), (found) => {
      const value = found._tag === "Hit" ? inlined(found.value) : undefined
      return value === undefined ? this.resolve(key, options, found) : Effect.succeed({ ...(found as Hit), value })
    })

  readonly acquireMany: NonNullable<Adapter["acquireMany"]> = (keys, options) =>
    Limits.refusalOfAny(this, "acquireMany", keys) ??
    Effect.flatMap(this.leases.acquireMany!(keys, options), (found) =>
      Effect.forEach(found, (one, index) => this.resolve(keys[index]!, options, one), { concurrency })
    )

  readonly fill: Adapter["fill"] = (key, { token, value, lifetime }) => {
    if (value === undefined && lifetime.fresh + lifetime.stale <= 0) return this.end(key, { token, lifetime })
    if (value === undefined) {
      const fill = Effect.tap(this.leases.fill(key, { token, lifetime }), () => this.forget(token))
      return this.prolong("fill", key, () => lifetime.fresh + lifetime.stale, fill)
    }
    return this.write("fill", key, value, lifetime, (named) =>
      Effect.tap(this.leases.fill(key, { token, value: named, lifetime }), (held) => {
        const overwritten = this.versions.take(token)
        return this.versions.discard(held ? overwritten : parse(named))
      })
    )
  }

  /** Ends the value that is there. Its version need not live any longer, because nobody reads it any more. */
  private end(key: string, options: FillOptions): Effect.Effect<boolean, AdapterError> {
    const verb = Effect.tap(this.leases.fill(key, options), (held) => {
      const ended = this.versions.take(options.token)
      return held ? this.versions.discard(ended) : Effect.void
    })
    return Limits.refusal(this, "fill", key) ?? verb
  }

  readonly touch: Adapter["touch"] = (key, options) =>
    this.prolong(
      "touch",
      key,
      ({ freshFor, keptFor }) => {
        if (freshFor === 0) return undefined
        return keptFor === Infinity ? Infinity : options.freshFor + keptFor - freshFor
      },
      this.leases.touch(key, options)
    )

  /**
   * Runs a verb that gives the stored version another lifetime. Where it must live longer, the version is first written
   * again under its own name.
   *
   * @param ttlOf returns the new lifetime in milliseconds, given the present one; `undefined` where the verb would be
   * refused
   */
  private prolong(
    operation: Operation,
    key: string,
    ttlOf: (there: Snapshot) => number | undefined,
    verb: Effect.Effect<boolean, AdapterError>
  ): Effect.Effect<boolean, AdapterError> {
    const prolonged = (missing?: string): Effect.Effect<boolean, AdapterError> =>
      Effect.flatMap(this.leases.read(key), (there) => {
        const ttl = ttlOf(there)
        if (there.value === undefined || ttl === undefined) return Effect.succeed(false)
        const name = parse(there.value)
        return Effect.flatMap(this.versions.get(there.value), (bytes) => {
          // It may just have been overwritten. Then there is another name by now.
          if (bytes === undefined) return name === missing ? Effect.succeed(false) : prolonged(name)
          if (name === undefined) return verb
          // Never shortened before the verb: the verb may be refused, and then the name keeps its lifetime.
          if (there.keptFor === Infinity) return Effect.tap(verb, () => this.limit(key, name, bytes))
          if (ttl <= there.keptFor) return verb
          return Effect.tap(Effect.andThen(this.versions.rewrite(name, bytes, ttl), verb), (done) =>
            done ? Effect.void : this.discardUnnamed(key, name)
          )
        })
      })
    return Limits.refusal(this, operation, key) ?? (this.versions.lasting ? verb : prolonged())
  }

  /** Gives an endless version the end that its name got, if any. Best effort: nobody reads it after that end. */
  private limit(key: string, name: string, bytes: Uint8Array): Effect.Effect<void> {
    return Effect.ignore(
      Effect.flatMap(this.leases.read(key), ({ keptFor, value }) =>
        keptFor === Infinity || value === undefined || parse(value) !== name
          ? Effect.void
          : this.versions.rewrite(name, bytes, keptFor)
      )
    )
  }

  /** Removes a version that was written again while its name was removed. */
  private discardUnnamed(key: string, name: string): Effect.Effect<void> {
    if (!this.versions.discards) return Effect.void
    return Effect.ignore(
      Effect.flatMap(this.leases.read(key), ({ value }) =>
        value !== undefined && parse(value) === name ? Effect.void : this.versions.discard(name)
      )
    )
  }

  readonly put: Adapter["put"] = (key, { value, lifetime }) =>
    this.write("put", key, value, lifetime, (named) =>
      this.overwriting([key], this.leases.put(key, { value: named, lifetime }))
    )

  readonly delete: Adapter["delete"] = (key) =>
    Limits.refusal(this, "delete", key) ?? this.overwriting([key], this.leases.delete(key))

  readonly deleteMany: NonNullable<Adapter["deleteMany"]> = (keys) =>
    Limits.refusalOfAny(this, "deleteMany", keys) ?? this.overwriting(keys, this.leases.deleteMany!(keys))

  readonly abandon: Adapter["abandon"] = (key, options) =>
    Effect.tap(this.leases.abandon(key, options), () => this.forget(options.token))

  readonly read: Adapter["read"] = (key) => Limits.refusal(this, "read", key) ?? this.readResolved(key)

  /** Writes a version, then gives its name to the lease store. */
  private write<A>(
    operation: Operation,
    key: string,
    value: Value,
    lifetime: Lifetime,
    andName: (named: Value) => Effect.Effect<A, AdapterError>
  ): Effect.Effect<A, AdapterError> {
    const kept = Namespace.isOwnRecord(key) ? Effect.succeed(inline(value)) : this.versions.write(value, lifetime)
    return Limits.refusal(this, operation, key, value) ?? Effect.flatMap(kept, andName)
  }

  /** Replaces the name that the lease store returned by the bytes under it. */
  private readonly resolve = Effect.fnUntraced(
    { self: this },
    function* (
      this: Pair,
      key: string,
      options: AcquireOptions,
      first: Acquired
    ): Effect.fn.Return<Acquired, AdapterError> {
      let found = first
      let missing: string | undefined
      for (let attempt = 0; attempt < attempts; attempt++) {
        if (found._tag !== "Hit") return yield* this.withStale(found, missing)
        const name = parse(found.value)
        const bytes = isMissing(name, missing) ? undefined : yield* this.versions.get(found.value)
        if (bytes !== undefined) return { ...found, value: { bytes } }
        if (name !== missing) {
          // It may just have been overwritten. Then there is another name by now.
          missing = name
          found = yield* this.leases.acquire(key, options)
          continue
        }
        // The name is still there and its bytes are not: a miss. This acquires as an early refresh does, so exactly one
        // caller leads, and neither a live lease nor a newer value is touched.
        found = yield* this.leases.acquire(key, { ...options, refreshWithin: Infinity })
        if (found._tag !== "Hit" || parse(found.value) !== missing) continue
        const other = loadingElsewhere(yield* this.leases.read(key), missing)
        if (other !== undefined) return other
      }
      return yield* this.unresolved("acquire", key)
    }
  )

  private readonly readResolved = Effect.fnUntraced(
    { self: this },
    function* (this: Pair, key: string): Effect.fn.Return<Snapshot, AdapterError> {
      let missing: string | undefined
      for (let attempt = 0; attempt < attempts; attempt++) {
        const snapshot = yield* this.leases.read(key)
        if (snapshot.value === undefined) return snapshot
        const name = parse(snapshot.value)
        const bytes = isMissing(name, missing) ? undefined : yield* this.versions.get(snapshot.value)
        if (bytes !== undefined) return { ...snapshot, value: { bytes } }
        if (name === missing) return { ...snapshot, value: undefined, freshFor: 0, keptFor: 0, age: 0, took: 0 }
        missing = name
      }
      return yield* this.unresolved("read", key)
    }
  )

  /** A stale value that cannot be read is left out. It never costs the answer. */
  private withStale(found: Exclude<Acquired, Hit>, missing: string | undefined): Effect.Effect<Acquired> {
    const { stale } = found
    if (stale === undefined) return Effect.succeed(found)
    const name = parse(stale.value)
    if (found._tag === "Leader") this.versions.remember(found.token, name)
    if (isMissing(name, missing)) return Effect.succeed({ ...found, stale: undefined })
    return Effect.match(this.versions.get(stale.value), {
      onFailure: (): Stale | undefined => undefined,
      onSuccess: (bytes): Stale | undefined => bytes && { ...stale, value: { bytes } }
    }).pipe(Effect.map((readable) => ({ ...found, stale: readable })))
  }

  private unresolved(operation: Operation, key: string): AdapterError {
    const message = `the key changed ${attempts} times while it was read`
    return new AdapterError({ adapter: this.name, operation, key, reason: "Unavailable", message })
  }

  private forget(token: string): Effect.Effect<void> {
    return Effect.sync(() => void this.versions.take(token))
  }

  /** Runs a verb that removes the names of keys, then removes the versions under those names. */
  private overwriting<A>(
    keys: ReadonlyArray<string>,
    verb: Effect.Effect<A, AdapterError>
  ): Effect.Effect<A, AdapterError> {
    if (!this.versions.discards) return verb
    const names = Effect.forEach(
      keys,
      (key) => Effect.map(this.leases.read(key), ({ value }) => value && parse(value)),
      { concurrency }
    )
    return Effect.flatMap(names, (names) =>
      Effect.tap(verb, () => Effect.forEach(names, (name) => this.versions.discard(name), { concurrency }))
    )
  }
}

/** True when the bytes under the name were already sought and not found. */
const isMissing = (name: string | undefined, missing: string | undefined): boolean =>
  name !== undefined && name === missing

/** The load that a caller waits for when it cannot lead although the bytes under the name are missing. */
const loadingElsewhere = (snapshot: Snapshot, missing: string | undefined): Follower | Cooling | undefined => {
  const { cooling, lease, value } = snapshot
  if (value === undefined || parse(value) !== missing) return undefined
  if (lease !== undefined) return { _tag: "Follower", leaseEndsIn: lease.endsIn }
  if (cooling !== undefined) return { _tag: "Cooling", retryIn: cooling.retryIn, cause: cooling.cause }
  return undefined
}

/**
 * An adapter that keeps values in one store and leases in another.
 *
 * Its largest value is that of `values`. Its keys, clock and watching are those of `leases`. The failure that a leader
 * leaves to others (`cause`) is kept with the leases.
 */
export const withLeases: {
  (values: ValueStore, leases: ListingAdapter, pairing?: Pairing): ListingAdapter
  (values: ValueStore, leases: Adapter, pairing?: Pairing): Adapter
} = (values: ValueStore, leases: Adapter, pairing: Pairing = {}): ListingAdapter => {
  const pair = new Pair(values, leases, pairing)
  /** The error is this adapter's, and of the verb that was called, whichever store failed. */
  const as = <A>(operation: Operation, key: string | undefined, verb: Effect.Effect<A, AdapterError>) =>
    Effect.mapError(verb, (error) => {
      if (error.adapter === pair.name) return error.as(operation, key)
      const { answered, message, reason, retryAfter, unanswered } = error
      return new AdapterError({
        adapter: pair.name,
        operation,
        key,
        reason,
        message,
        cause: error,
        retryAfter,
        unanswered,
        answered
      })
    })
  const adapter: EveryMember = {
    name: pair.name,
    limits: pair.limits,
    // The leases may be in this process. The bytes are not.
    keepsReferences: undefined,
    dropsTagged: undefined,
    hitUnsafe: undefined,
    valueUnsafe: undefined,
    identity: Identity.ofPair(values.identity ?? values, Identity.of(leases)),
    acquire: (key, options) => as("acquire", key, pair.acquire(key, options)),
    fill: (key, options) => as("fill", key, pair.fill(key, options)),
    abandon: (key, options) => as("abandon", key, pair.abandon(key, options)),
    renew: (key, options) => as("renew", key, leases.renew(key, options)),
    delete: (key) => as("delete", key, pair.delete(key)),
    put: (key, options) => as("put", key, pair.put(key, options)),
    touch: (key, options) => as("touch", key, pair.touch(key, options)),
    read: (key) => as("read", key, pair.read(key)),
    changes: leases.changes,
    watch: leases.watch,
    keys: leases.keys,
    acquireMany:
      leases.acquireMany && ((keys, options) => as("acquireMany", undefined, pair.acquireMany(keys, options))),
    deleteMany: leases.deleteMany && ((keys) => as("deleteMany", undefined, pair.deleteMany(keys))),
    evictions: leases.evictions,
    tiers: leases.tiers,
    pollEvery: leases.pollEvery,
    // A key may be in one part of the leases and in another of the values.
    partOf: undefined,
    // It closes what the leases opened, and opens again when they are used.
    close: leases.close
  }
  // It lists its keys if the leases do, as the types above say.
  return adapter as ListingAdapter
}

/** Combines the value store and the lease adapter in the context. */
export const layer: Layer.Layer<Adapter, never, ValueStore | Adapter> = AdapterLayer.make(
  Effect.map(Effect.all([ValueStore, Adapter]), ([values, leases]) => withLeases(values, leases))
)

/** Combines the value store in the context with a lease adapter that lists its keys. */
export const listingLayer: Layer.Layer<Adapter | ListingAdapter, never, ValueStore | ListingAdapter> =
  AdapterLayer.listing(
    Effect.map(Effect.all([ValueStore, ListingAdapter]), ([values, leases]) => withLeases(values, leases))
  )

/**
 * For backends that keep values but cannot decide a race: Cloudflare KV, a CDN's cache.
 *
 * `withLeases` puts any adapter beside one. The bytes of a load are written here under a name
 * of their own that no other load ever has; the lease store keeps that name as its value. So
 * a fill is as fenced as the lease store fences it, and what is read is whole or absent,
 * never another load's. A hit costs one round trip to each store, and so does a fill; to the
 * lease store alone where the value is small enough to be kept there itself (`inlineBytes`).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Cooling, Follower, Hit, Operation, Snapshot, Stale, Value } from "../contract/Adapter.ts"
import { type Acquired, type AcquireOptions, Adapter, AdapterError, ListingAdapter } from "../contract/Adapter.ts"
import * as AdapterLayer from "../contract/AdapterLayer.ts"
import * as Identity from "../contract/Identity.ts"
import * as Limits from "../contract/Limits.ts"
import { TakeOnce } from "./TakeOnce.ts"
import * as VersionName from "./VersionName.ts"

/** A backend that keeps bytes under a name, for a time, and may be slow to show them elsewhere. */
export interface ValueStore {
  /** The backend's name, for errors and metrics. */
  readonly name: string
  /** The largest value, in bytes. */
  readonly valueBytes: number
  readonly get: (name: string) => Effect.Effect<Uint8Array | undefined, AdapterError>
  /** @param ttl milliseconds, may be `Infinity`; kept longer is harmless, kept shorter is a miss */
  readonly set: (name: string, bytes: Uint8Array, ttl: number) => Effect.Effect<void, AdapterError>
  /** When given, versions that were overtaken or deleted are removed at once, not at the end of their time. */
  readonly delete?: ((name: string) => Effect.Effect<void, AdapterError>) | undefined
  /**
   * Whether a version stays until it is deleted, whatever its `ttl`. Then neither a touch nor a fill without a value
   * moves any bytes. Default false.
   */
  readonly lasting?: boolean | undefined
}

/** How values and leases go together. */
export interface Pairing {
  /** Values of up to so many bytes are kept in the lease store itself. Default: none are. */
  readonly inlineBytes?: number | undefined
  /** Whether the lease store removes the version whose name it writes over, which it knows for certain. Default false. */
  readonly leasesDiscard?: boolean | undefined
}

/** A value store as an Effect service, for layers. */
export const ValueStore: Context.Service<ValueStore, ValueStore> = Context.Service<ValueStore>(
  "@cache-locking/core/ValueStore"
)

/** A version is written before its name is: this much longer it must live. */
const headStart = 60_000

/** How often an answer is sought again when other flights change the key meanwhile. */
const attempts = 8

/** How many leases' overtaken versions are remembered for removal; the rest are left to their time. */
const remembered = 1000

class Pair {
  readonly name: string
  readonly limits: Adapter["limits"]
  private readonly values: ValueStore
  private readonly leases: Adapter
  /** No value is so small where none is to be kept beside its lease. */
  private readonly inlineBytes: number
  /** Whether the versions that are overtaken are to be removed here. */
  private readonly discards: boolean
  /** By token of a lease: the version that its fill overtakes. */
  private readonly overtaken = new TakeOnce<string, string>(remembered)

  constructor(values: ValueStore, leases: Adapter, { inlineBytes = -1, leasesDiscard = false }: Pairing) {
    this.values = values
    this.leases = leases
    this.inlineBytes = inlineBytes
    this.discards = values.delete !== undefined && !leasesDiscard
    this.name = values.name === leases.name ? values.name : `${values.name}+${leases.name}`
    this.limits = { ...leases.limits, valueBytes: values.valueBytes }
  }

  readonly acquire: Adapter["acquire"] = (key, options) =>
    Limits.refusal(this, "acquire", key) ??
    Effect.flatMap(this.leases.acquire(key, options), (found) => {
      const inlined = found._tag === "Hit" ? VersionName.inlined(found.value) : undefined
      return inlined === undefined
        ? this.settle(key, options, found)
        : Effect.succeed({ ...(found as Hit), value: inlined })
    })

  readonly acquireMany: NonNullable<Adapter["acquireMany"]> = (keys, options) =>
    Limits.refusalOfAny(this, "acquireMany", keys) ??
    Effect.flatMap(this.leases.acquireMany!(keys, options), (found) =>
      Effect.forEach(found, (one, index) => this.settle(keys[index]!, options, one), { concurrency: 16 })
    )

  readonly fill: Adapter["fill"] = (key, { token, value, lifetime }) => {
    if (value === undefined) {
      const fill = Effect.tap(this.leases.fill(key, { token, lifetime }), () => this.forget(token))
      return this.prolong("fill", key, () => lifetime.fresh + lifetime.stale, fill)
    }
    return this.write("fill", key, value, lifetime, (named) =>
      Effect.tap(this.leases.fill(key, { token, value: named, lifetime }), (held) => {
        const old = this.overtaken.take(token)
        return this.discard(held ? old : VersionName.parse(named))
      })
    )
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
   * Runs a verb that gives the version that is there another lifetime, after the version was written again under its
   * own name where it must live longer.
   *
   * @param lives how long, in milliseconds, by what is there; nothing where the verb would be refused
   */
  private prolong(
    operation: Operation,
    key: string,
    lives: (there: Snapshot) => number | undefined,
    verb: Effect.Effect<boolean, AdapterError>
  ): Effect.Effect<boolean, AdapterError> {
    const prolonged = (gone?: string): Effect.Effect<boolean, AdapterError> =>
      Effect.flatMap(this.leases.read(key), (there) => {
        const ttl = lives(there)
        if (there.value === undefined || ttl === undefined) return Effect.succeed(false)
        const name = VersionName.parse(there.value)
        return Effect.flatMap(this.get(there.value), (bytes) => {
          // Perhaps it was just overtaken: then there is another name by now.
          if (bytes === undefined) return name === gone ? Effect.succeed(false) : prolonged(name)
          if (name === undefined) return verb
          // Never written to live shorter: the verb may yet be refused, and then the name lives on.
          if (there.keptFor === Infinity) return Effect.tap(verb, () => this.ending(key, name, bytes))
          if (ttl <= there.keptFor) return verb
          const written = this.values.set(name, bytes, ttl + headStart)
          return Effect.tap(Effect.andThen(written, verb), (done) =>
            done ? Effect.void : this.discardUnnamed(key, name)
          )
        })
      })
    return Limits.refusal(this, operation, key) ?? (this.values.lasting ? verb : prolonged())
  }

  /** Gives a version that was to live for ever an end, if its name got one; best effort, for nobody reads it beyond. */
  private ending(key: string, name: string, bytes: Uint8Array): Effect.Effect<void> {
    return Effect.ignore(
      Effect.flatMap(this.leases.read(key), ({ keptFor, value }) =>
        keptFor === Infinity || value === undefined || VersionName.parse(value) !== name
          ? Effect.void
          : this.values.set(name, bytes, keptFor + headStart)
      )
    )
  }

  /** A version that was written again while its name was taken away would be left behind. */
  private discardUnnamed(key: string, name: string): Effect.Effect<void> {
    if (!this.discards) return Effect.void
    return Effect.ignore(
      Effect.flatMap(this.leases.read(key), ({ value }) =>
        value !== undefined && VersionName.parse(value) === name ? Effect.void : this.discard(name)
      )
    )
  }

  readonly put: Adapter["put"] = (key, { value, lifetime }) =>
    this.write("put", key, value, lifetime, (named) =>
      this.overtaking(key, this.leases.put(key, { value: named, lifetime }))
    )

  readonly delete: Adapter["delete"] = (key) =>
    Limits.refusal(this, "delete", key) ?? this.overtaking(key, this.leases.delete(key))

  readonly abandon: Adapter["abandon"] = (key, options) =>
    Effect.tap(this.leases.abandon(key, options), () => this.forget(options.token))

  readonly read: Adapter["read"] = (key) => Limits.refusal(this, "read", key) ?? this.readSettled(key)

  /** Writes the bytes under a new name, then lets the lease store have that name; or the value itself. */
  private write<A>(
    operation: Operation,
    key: string,
    value: Value,
    lifetime: { readonly fresh: number; readonly stale: number },
    andName: (named: Value) => Effect.Effect<A, AdapterError>
  ): Effect.Effect<A, AdapterError> {
    const refused = Limits.refusal(this, operation, key, value)
    if (refused !== undefined) return refused
    if (value.bytes.byteLength <= this.inlineBytes) return Effect.suspend(() => andName(VersionName.inline(value)))
    // A name per run: an effect that is run again, as retries do, is another load.
    return Effect.suspend(() => {
      const name = VersionName.make()
      const ttl = lifetime.fresh + lifetime.stale + headStart
      return Effect.flatMap(this.values.set(name, value.bytes, ttl), () => andName(VersionName.format(name)))
    })
  }

  /** Turns what the lease store answered, a name, into what was asked for, a value. */
  private readonly settle = Effect.fnUntraced(
    { self: this },
    function* (
      this: Pair,
      key: string,
      options: AcquireOptions,
      first: Acquired
    ): Effect.fn.Return<Acquired, AdapterError> {
      let found = first
      let gone: string | undefined
      for (let attempt = 0; attempt < attempts; attempt++) {
        if (found._tag !== "Hit") return yield* this.withStale(found, gone)
        const name = VersionName.parse(found.value)
        const bytes = isGone(name, gone) ? undefined : yield* this.get(found.value)
        if (bytes !== undefined) return { ...found, value: { bytes } }
        if (name !== gone) {
          // Perhaps it was just overtaken: then there is another name by now.
          gone = name
          found = yield* this.leases.acquire(key, options)
          continue
        }
        // The name stays and its bytes are gone: a miss. Asked for as an early refresh, exactly one
        // leads, and neither a live lease nor a newer value is touched.
        found = yield* this.leases.acquire(key, { ...options, refreshWithin: Infinity })
        if (found._tag !== "Hit" || VersionName.parse(found.value) !== gone) continue
        const others = waitingFor(yield* this.leases.read(key), gone)
        if (others !== undefined) return others
      }
      return yield* this.unsettled("acquire", key)
    }
  )

  private readonly readSettled = Effect.fnUntraced(
    { self: this },
    function* (this: Pair, key: string): Effect.fn.Return<Snapshot, AdapterError> {
      let gone: string | undefined
      for (let attempt = 0; attempt < attempts; attempt++) {
        const snapshot = yield* this.leases.read(key)
        if (snapshot.value === undefined) return snapshot
        const name = VersionName.parse(snapshot.value)
        const bytes = isGone(name, gone) ? undefined : yield* this.get(snapshot.value)
        if (bytes !== undefined) return { ...snapshot, value: { bytes } }
        if (name === gone) return { ...snapshot, value: undefined, freshFor: 0, keptFor: 0, age: 0, took: 0 }
        gone = name
      }
      return yield* this.unsettled("read", key)
    }
  )

  /** A stale value is a kindness: one that cannot be read is left out, and never costs the answer. */
  private withStale(found: Exclude<Acquired, Hit>, gone: string | undefined): Effect.Effect<Acquired> {
    const { stale } = found
    if (stale === undefined) return Effect.succeed(found)
    const name = VersionName.parse(stale.value)
    if (found._tag === "Leader") this.remember(found.token, name)
    if (isGone(name, gone)) return Effect.succeed({ ...found, stale: undefined })
    return Effect.match(this.get(stale.value), {
      onFailure: (): Stale | undefined => undefined,
      onSuccess: (bytes): Stale | undefined => bytes && { ...stale, value: { bytes } }
    }).pipe(Effect.map((readable) => ({ ...found, stale: readable })))
  }

  /** The bytes behind what the lease store answered: those of its name, or its own; none if it is neither. */
  private get(value: Value): Effect.Effect<Uint8Array | undefined, AdapterError> {
    const name = VersionName.parse(value)
    if (name === undefined) return Effect.succeed(VersionName.inlined(value)?.bytes)
    return this.values.get(name)
  }

  private unsettled(operation: Operation, key: string): AdapterError {
    const message = `the key changed ${attempts} times while it was read`
    return new AdapterError({ adapter: this.name, operation, key, reason: "Unavailable", message })
  }

  private remember(token: string, name: string | undefined): void {
    if (this.discards && name !== undefined) this.overtaken.note(token, name)
  }

  private forget(token: string): Effect.Effect<void> {
    return Effect.sync(() => void this.overtaken.take(token))
  }

  /** Runs a verb that takes the key's name away, then removes the version it named. */
  private overtaking<A>(key: string, verb: Effect.Effect<A, AdapterError>): Effect.Effect<A, AdapterError> {
    if (!this.discards) return verb
    return Effect.flatMap(this.leases.read(key), ({ value }) =>
      Effect.tap(verb, () => this.discard(value && VersionName.parse(value)))
    )
  }

  /** Best effort: what is not removed here goes when its time is over. */
  private discard(name: string | undefined): Effect.Effect<void> {
    if (this.values.delete === undefined || name === undefined) return Effect.void
    return Effect.ignore(this.values.delete(name))
  }
}

/** Whether the name's bytes were sought and not found. */
const isGone = (name: string | undefined, gone: string | undefined): boolean => name !== undefined && name === gone

/** Whom a caller waits for who cannot lead: the name is there, its bytes are not. */
const waitingFor = (snapshot: Snapshot, gone: string | undefined): Follower | Cooling | undefined => {
  const { cooling, lease, value } = snapshot
  if (value === undefined || VersionName.parse(value) !== gone) return undefined
  if (lease !== undefined) return { _tag: "Follower", leaseEndsIn: lease.endsIn }
  if (cooling !== undefined) return { _tag: "Cooling", retryIn: cooling.retryIn, cause: cooling.cause }
  return undefined
}

/**
 * An adapter that keeps values in one store and leases in another.
 *
 * Its values are as large as `values` allows; its keys, its clock and its waking are those of
 * `leases`. What a failed leader leaves for the others (`cause`) stays with the leases.
 */
export const withLeases: {
  (values: ValueStore, leases: ListingAdapter, pairing?: Pairing): ListingAdapter
  (values: ValueStore, leases: Adapter, pairing?: Pairing): Adapter
} = (values: ValueStore, leases: Adapter, pairing: Pairing = {}): ListingAdapter => {
  const pair = new Pair(values, leases, pairing)
  /** Whichever store failed, and at whatever was asked of it: the verb failed, and this adapter. */
  const as = <A>(operation: Operation, key: string | undefined, verb: Effect.Effect<A, AdapterError>) =>
    Effect.mapError(verb, (error) => {
      if (error.adapter === pair.name) return error.as(operation, key)
      const { message, reason } = error
      return new AdapterError({ adapter: pair.name, operation, key, reason, message, cause: error })
    })
  return {
    name: pair.name,
    limits: pair.limits,
    identity: Identity.ofPair(values, Identity.of(leases)),
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
    // Present if the leases can be listed, as the types above say.
    keys: leases.keys as ListingAdapter["keys"],
    acquireMany:
      leases.acquireMany && ((keys, options) => as("acquireMany", undefined, pair.acquireMany(keys, options))),
    // Its versions could not be removed one by one in a batch.
    deleteMany: values.delete === undefined || pairing.leasesDiscard ? leases.deleteMany : undefined,
    // Neither store was opened here, so neither is closed.
    pollEvery: leases.pollEvery
  }
}

/** Puts the lease adapter of the context beside the value store of the context. */
export const layer: Layer.Layer<Adapter, never, ValueStore | Adapter> = AdapterLayer.make(
  Effect.map(Effect.all([ValueStore, Adapter]), ([values, leases]) => withLeases(values, leases))
)

/** The same beside one that lists its keys. */
export const listingLayer: Layer.Layer<Adapter | ListingAdapter, never, ValueStore | ListingAdapter> =
  AdapterLayer.listing(
    Effect.map(Effect.all([ValueStore, ListingAdapter]), ([values, leases]) => withLeases(values, leases))
  )

/**
 * A near tier in this process, in front of a far one.
 *
 * The far tier alone decides: every verb goes to it, so leases, fences and tokens are its own. The near tier holds
 * copies of what the far tier answered, and gives them to whoever asks `hitUnsafe`: without a command, and decoded once.
 *
 * What a copy may be behind the far tier:
 *
 * - Own writes, made through the same `Tiered`: nothing. The copy is gone before the verb begins, and again when it ends,
 *   however it ends.
 * - Writes of others: as long as it takes to be told of them, by the far tier's own `changes`, or by a bus. An answer of the
 *   far tier that was on its way meanwhile is not kept.
 * - Told of a lost connection: nothing, for copies are dropped and none is made until it is back.
 * - Connection lost without a word: two heartbeats, if there is a `heartbeat`.
 * - Whatever else happens (a writer that dies between its write and its message on a bus, a `touch` elsewhere that shortens a
 *   life, changes made behind the back of the library): the near tier's `ttl`.
 *
 * Copies whose tags are not known to be valid are not answered. What is known of a tag comes from the record that
 * was read last, and goes when it is told that it changed; reading it again asks nobody until then.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { Adapter, ListingAdapter, type Value } from "../../contract/Adapter.ts"
import * as AdapterLayer from "../../contract/AdapterLayer.ts"
import * as Check from "../../contract/Check.ts"
import type { Bus } from "./Bus.ts"
import { type Plan, Tiers } from "./TieredVerbs.ts"

/** The near tier. */
export interface Near {
  /** The most copies kept; the least recently used goes first. Default 10,000. */
  readonly maxEntries?: number | undefined
  /** The most bytes kept, as `sizeOf` tells them. Not bounded by default. A larger value is not kept near. */
  readonly maxBytes?: number | undefined
  /** The size of a value in bytes, asked only with `maxBytes`. By default the length of the encoded value. */
  readonly sizeOf?: ((value: Value, key: string) => number) | undefined
  /**
   * How long a copy is answered after the far tier was asked for it, if nothing tells of a change before. Default 1 minute;
   * where nothing can tell of changes it must be given, for then it is how old an answer may be.
   */
  readonly ttl?: Duration.Input | undefined
}

/** How the processes hear of each other's changes. */
export interface Options {
  /** Tells of changes in place of the far tier's own `changes`. Costs each write one message more. */
  readonly bus?: Bus | undefined
  /**
   * How often this process sends itself a beat on the way that changes take, 10 ms or more. The near tier distrusts itself when
   * none came back for two of these: give it where a lost connection may go unnoticed. None by default.
   */
  readonly heartbeat?: Duration.Input | undefined
}

const nearNames: ReadonlySet<string> = new Set(["maxEntries", "maxBytes", "sizeOf", "ttl"])
const optionNames: ReadonlySet<string> = new Set(["bus", "heartbeat"])

const encodedSize = (value: Value): number => value.bytes.byteLength

/** Both tiers, checked. */
const resolve = (tiers: readonly [Near, Adapter], options: Options): Plan => {
  if (!Array.isArray(tiers) || tiers.length !== 2) throw Check.invalid("tiers", tiers, "[near, far]")
  const [near, far] = tiers
  if (Check.isAdapter(near)) {
    throw Check.invalid("near", near, "bounds of the near tier, { maxEntries, maxBytes, sizeOf, ttl }, not an adapter")
  }
  Check.known(near, nearNames, "near.")
  Check.adapter("far", far)
  Check.known(options, optionNames)
  const { bus } = options
  if (bus !== undefined) {
    Check.required("bus.publish", bus?.publish)
    Check.required("bus.subscribe", bus?.subscribe)
  }
  const told = bus !== undefined || far.changes !== undefined
  if (!told && near.ttl === undefined) {
    throw Check.invalid(
      "near.ttl",
      near.ttl,
      `a duration: ${far.name} tells nobody of changes, so give a bus, or say how old an answer may be`
    )
  }
  if (!told && options.heartbeat !== undefined) {
    throw Check.invalid(
      "heartbeat",
      options.heartbeat,
      "nothing where there is neither a bus nor a far tier that pushes"
    )
  }
  return {
    far,
    bus,
    maxEntries: Check.integer("near.maxEntries", near.maxEntries, { min: 1, default: 10_000 }),
    maxBytes: Check.integer("near.maxBytes", near.maxBytes, { min: 1, default: Infinity }),
    sizeOf: Check.fn("near.sizeOf", near.sizeOf, encodedSize),
    ttl: near.ttl === undefined ? 60_000 : Check.duration("near.ttl", near.ttl, { min: 1, infinite: told }),
    heartbeat:
      options.heartbeat === undefined
        ? undefined
        : Check.duration("heartbeat", options.heartbeat, { min: 10, infinite: false })
  }
}

const same = (a: Plan, b: Plan): boolean =>
  (["bus", "maxEntries", "maxBytes", "sizeOf", "ttl", "heartbeat"] as const).every((name) => a[name] === b[name])

/** One adapter for one far tier and the same options: a cache that is made anew for each call finds its copies again. */
const made = new WeakMap<object, Array<readonly [Plan, Adapter]>>()

/**
 * A near tier in front of a far one. Made again with a far tier of the same identity and the same options, it is the
 * same adapter, with the same copies.
 *
 * @example
 * ```ts
 * import { Bus, MemoryAdapter, Tiered } from "@cache-locking/core"
 *
 * const far = MemoryAdapter.make()
 * const pushed = Tiered.make([{ maxEntries: 1_000, ttl: "30 seconds" }, far])
 * const told = Tiered.make([{ maxEntries: 1_000 }, far], { bus: Bus.inProcess(), heartbeat: "5 seconds" })
 * ```
 *
 * @throws InvalidOption when an option is not what it should be, or nothing tells of changes and no `ttl` is given
 */
export const make: {
  (tiers: readonly [near: Near, far: ListingAdapter], options?: Options): ListingAdapter
  (tiers: readonly [near: Near, far: Adapter], options?: Options): Adapter
} = (tiers: readonly [near: Near, far: Adapter], options: Options = {}): ListingAdapter => {
  const plan = resolve(tiers, options)
  const { far } = plan
  const identity = far.identity ?? far
  const others = made.get(identity) ?? []
  const found = others.find(([other]) => same(other, plan))
  if (found !== undefined) return found[1] as ListingAdapter
  const both = new Tiers(plan)
  const adapter: Adapter = {
    name: `near+${far.name}`,
    limits: far.limits,
    keepsReferences: far.keepsReferences,
    dropsTagged: true,
    acquire: both.acquire,
    fill: both.fill,
    abandon: far.abandon,
    renew: far.renew,
    delete: both.delete,
    put: both.put,
    touch: both.touch,
    read: both.read,
    watch: far.watch,
    keys: far.keys,
    changes: far.changes,
    acquireMany: far.acquireMany && both.acquireMany,
    deleteMany: far.deleteMany && both.deleteMany,
    hitUnsafe: both.near.hitUnsafe,
    valueUnsafe: both.near.valueUnsafe,
    evictions: () => both.near.evictions + (far.evictions?.() ?? 0),
    tiers: both.tiers,
    pollEvery: far.pollEvery,
    close: both.close
  }
  made.set(identity, [...others, [plan, adapter]])
  return adapter as ListingAdapter
}

/** Puts a near tier in front of the adapter of the context. */
export const layer = (near: Near, options?: Options): Layer.Layer<Adapter, never, Adapter> =>
  AdapterLayer.make(Effect.map(Adapter, (far) => make([near, far], options)))

/** The same for one that lists its keys. */
export const listingLayer = (
  near: Near,
  options?: Options
): Layer.Layer<Adapter | ListingAdapter, never, ListingAdapter> =>
  AdapterLayer.listing(Effect.map(ListingAdapter, (far) => make([near, far], options)))

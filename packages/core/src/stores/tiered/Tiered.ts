/**
 * A near tier in this process, in front of a far tier that the processes share.
 *
 * The far tier alone decides. Every verb goes to it, so the leases and tokens are its own. The near tier holds copies of
 * the far tier's answers and returns them from `hitUnsafe`, without a command, and decoded only once.
 *
 * The longest time for which a copy may be behind the far tier:
 *
 * - After a write through the same `Tiered`: not at all. The copy is dropped before the verb begins, and again when the
 *   verb ends, however it ends.
 * - After a write by another process: until the change is reported, by the far tier's own `changes` or by a bus. An answer
 *   of the far tier that was under way meanwhile is not kept.
 * - While the connection is known to be lost: not at all. Copies are dropped, and none is made until it is back.
 * - While the connection is lost and nobody has noticed: two heartbeats, if `heartbeat` is given.
 * - Where the store refuses for good to report changes: the near tier's `ttl`, if it was given. Otherwise no copy is kept.
 * - In any other case: the near tier's `ttl`. A writer may die between its write and its message on a bus, a `touch` of
 *   another process may shorten a lifetime, and other programs may change the store.
 *
 * A copy is returned only while its tags are known to be valid. The version of a tag comes from its record, which is kept
 * as well: reading it again does not ask the far tier until a change of it is reported.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { Adapter, type EveryMember, ListingAdapter, type Value } from "../../contract/Adapter.ts"
import * as AdapterLayer from "../../contract/AdapterLayer.ts"
import * as Check from "../../contract/Check.ts"
import * as Identity from "../../contract/Identity.ts"
import * as Namespace from "../../contract/Namespace.ts"
import * as Guard from "../../guard/Guard.ts"
import type { Bus } from "./Bus.ts"
import { TieredVerbs, type Tiers } from "./TieredVerbs.ts"

/** Bounds of the near tier. */
export interface Near {
  /** The most copies kept. The least recently used is dropped first. Default 10,000. */
  readonly maxEntries?: number | undefined
  /** The most bytes kept, measured by `sizeOf`. A value that is larger by itself is not kept. Unbounded by default. */
  readonly maxBytes?: number | undefined
  /** The size of a value in bytes. Called only with `maxBytes`. By default the length of the encoded value. */
  readonly sizeOf?: ((value: Value, key: string) => number) | undefined
  /**
   * The longest time for which a copy is returned after the far tier was asked for it. Default 1 minute. Where nothing
   * reports changes it is required, because it then bounds the age of an answer. Where the store refuses for good to
   * report them (a MongoDB without change streams), copies go by it alone, and without it none are kept; a log line tells.
   */
  readonly ttl?: Duration.Input | undefined
}

/** Options of `make`: the means by which processes learn of each other's changes. */
export interface Options {
  /** Reports changes in place of the far tier's own `changes`. Each write then sends one message more. */
  readonly bus?: Bus | undefined
  /**
   * The time from one heartbeat to the next, which this process sends itself on the path that changes take. 10 ms or
   * more. When none came back for twice this time, the copies are dropped. Give it where a lost connection may go
   * unnoticed. None by default.
   */
  readonly heartbeat?: Duration.Input | undefined
}

const nearNames: ReadonlySet<string> = new Set(["maxEntries", "maxBytes", "sizeOf", "ttl"])
const optionNames: ReadonlySet<string> = new Set(["bus", "heartbeat"])

const encodedSize = (value: Value): number => value.bytes.byteLength

/** Checks both tiers and the options, and fills in the defaults. */
const resolve = (tiers: readonly [Near, Adapter], options: Options): Tiers => {
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
  const watched = bus !== undefined || far.changes !== undefined
  if (!watched && near.ttl === undefined) {
    throw Check.invalid(
      "near.ttl",
      near.ttl,
      `a duration: ${far.name} does not report changes, so give a bus, or a ttl that bounds the age of an answer`
    )
  }
  if (!watched && options.heartbeat !== undefined) {
    throw Check.invalid("heartbeat", options.heartbeat, "undefined without a bus or a far tier that reports changes")
  }
  return {
    // The near tier goes on by itself while the far one is down.
    far: Guard.of(far),
    bus,
    maxEntries: Check.integer("near.maxEntries", near.maxEntries, { min: 1, default: 10_000 }),
    maxBytes: Check.integer("near.maxBytes", near.maxBytes, { min: 1, default: Infinity }),
    sizeOf: Check.fn("near.sizeOf", near.sizeOf, encodedSize),
    isTtlGiven: near.ttl !== undefined,
    ttl: near.ttl === undefined ? 60_000 : Check.duration("near.ttl", near.ttl, { min: 1, infinite: watched }),
    heartbeat:
      options.heartbeat === undefined
        ? undefined
        : Check.duration("heartbeat", options.heartbeat, { min: 10, infinite: false })
  }
}

const same = (a: Tiers, b: Tiers): boolean =>
  (["bus", "maxEntries", "maxBytes", "sizeOf", "ttl", "isTtlGiven", "heartbeat"] as const).every(
    (name) => a[name] === b[name]
  )

/** One adapter for each far tier and options, so that a cache made again for each call finds its copies. */
const made = Identity.perObject((_far: object): Array<readonly [Tiers, Adapter]> => [])

/**
 * A near tier in front of a far one. For a far tier of the same identity and the same options it is the same adapter,
 * with the same copies.
 *
 * @example
 * ```ts
 * import { Bus, MemoryAdapter, Tiered } from "@cache-locking/core"
 *
 * const far = MemoryAdapter.make()
 * const pushed = Tiered.make([{ maxEntries: 1_000, ttl: "30 seconds" }, far])
 * const overBus = Tiered.make([{ maxEntries: 1_000 }, far], { bus: Bus.inProcess(), heartbeat: "5 seconds" })
 * ```
 *
 * @throws InvalidOption when an option is invalid, or when nothing reports changes and no `ttl` is given
 */
export const make: {
  (tiers: readonly [near: Near, far: ListingAdapter], options?: Options): ListingAdapter
  (tiers: readonly [near: Near, far: Adapter], options?: Options): Adapter
} = (tiers: readonly [near: Near, far: Adapter], options: Options = {}): ListingAdapter =>
  over(resolve(tiers, options)) as ListingAdapter

/** A name's part of a bus. Processes that give the name no cache, and caches without a name, ignore its messages. */
const busOf = Identity.perObject((bus: Bus) =>
  Identity.perName((name: string): Bus => {
    const prefix = Namespace.prefixOf(name)
    return {
      publish: (message) => bus.publish(prefix + message),
      subscribe: (listener) =>
        bus.subscribe({
          received: (message) => {
            if (message.startsWith(prefix)) listener.received(message.slice(prefix.length))
          },
          lost: () => listener.lost(),
          restored: () => listener.restored()
        })
    }
  })
)

/** Each name has a near tier of its own, over the far tier's keys of that name: a copy is found by the bare key. */
const over = (resolved: Tiers): Adapter => {
  const { bus, far } = resolved
  const others = made(Identity.of(far))
  const found = others.find(([other]) => same(other, resolved))
  if (found !== undefined) return found[1]
  const verbs = new TieredVerbs(resolved)
  const every: EveryMember = {
    name: `near+${far.name}`,
    limits: far.limits,
    // Equal tiers over equal stores are the same object.
    identity: undefined,
    keepsReferences: far.keepsReferences,
    dropsTagged: true,
    acquire: verbs.acquire,
    fill: verbs.fill,
    abandon: far.abandon,
    renew: far.renew,
    delete: verbs.delete,
    put: verbs.put,
    touch: verbs.touch,
    read: verbs.read,
    watch: far.watch,
    keys: far.keys,
    changes: far.changes,
    acquireMany: far.acquireMany && verbs.acquireMany,
    deleteMany: far.deleteMany && verbs.deleteMany,
    hitUnsafe: verbs.near.hitUnsafe,
    valueUnsafe: verbs.near.valueUnsafe,
    evictions: () => verbs.near.evictions + (far.evictions?.() ?? 0),
    tiers: verbs.tiers,
    pollEvery: far.pollEvery,
    partOf: far.partOf,
    close: verbs.close
  }
  const adapter = Namespace.provide<Adapter>(Guard.within(every, far), (name) =>
    over({ ...resolved, far: Namespace.of(far, name), bus: bus && busOf(bus)(name) })
  )
  others.push([resolved, adapter])
  return adapter
}

/** Puts a near tier in front of the adapter in the context. */
export const layer = (near: Near, options?: Options): Layer.Layer<Adapter, never, Adapter> =>
  AdapterLayer.make(Effect.map(Adapter, (far) => make([near, far], options)))

/** Puts a near tier in front of an adapter that lists its keys. */
export const listingLayer = (
  near: Near,
  options?: Options
): Layer.Layer<Adapter | ListingAdapter, never, ListingAdapter> =>
  AdapterLayer.listing(Effect.map(ListingAdapter, (far) => make([near, far], options)))

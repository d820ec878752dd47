/**
 * The adapter that keeps everything in this process: `Entry` over an LRU.
 *
 * Values are kept by reference, so a hit decodes nothing and allocates one small object. They live in a bounded LRU.
 * Leases and cooldowns live beside it in a map of their own, so no amount of traffic evicts a live lease.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { LRUCache } from "lru-cache"
import { EncodedValue } from "../codec/EncodedValue.ts"
import {
  type Adapter,
  AdapterError,
  type ChangeListener,
  type ListingAdapter,
  type LocalClock,
  type LocalHit,
  type Operation,
  Token,
  type Value
} from "../contract/Adapter.ts"
import * as AdapterLayer from "../contract/AdapterLayer.ts"
import * as Check from "../contract/Check.ts"
import * as Entry from "../contract/Entry.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import * as Namespace from "../contract/Namespace.ts"
import { onWorkers } from "../options/RequestScope.ts"

/** Bounds of a memory adapter. Each named cache over it has a store of its own, with these bounds. */
export interface Options {
  /** The most values kept. The least recently used is evicted first. Default 10,000. */
  readonly maxEntries?: number | undefined
  /** The most bytes kept, measured by `sizeOf`. A value that is larger by itself is refused. Unbounded by default. */
  readonly maxBytes?: number | undefined
  /**
   * The size of a value in bytes, called once per value and only with `maxBytes`. By default the length of the encoded
   * value, which costs the encoding.
   */
  readonly sizeOf?: ((value: Value, key: string) => number) | undefined
}

const defaultMaxEntries = 10_000

const optionNames: ReadonlySet<string> = new Set(["maxEntries", "maxBytes", "sizeOf"])

const encodedSize = (value: Value): number => value.bytes.byteLength

/** The leases and cooldowns of keys. Each addition visits the next two entries and deletes those that have ended. */
class LeaseTable {
  private readonly map = new Map<string, Entry.Entry>()
  /**
   * Visits the entries again and again. A new iterator each time would step over all entries that were ever deleted.
   */
  private cursor = this.map.entries()

  get(key: string): Entry.Entry | undefined {
    return this.map.get(key)
  }

  all(): Iterable<[string, Entry.Entry]> {
    return this.map
  }

  set(key: string, entry: Entry.Entry | undefined, now: number): void {
    if (entry === undefined) this.map.delete(key)
    else {
      this.sweep(now)
      this.sweep(now)
      this.map.set(key, entry)
    }
  }

  private sweep(now: number): void {
    const next = this.cursor.next()
    if (next.done) this.cursor = this.map.entries()
    else if (now >= Entry.endsAt(next.value[1])) this.map.delete(next.value[0])
  }
}

/** A value in the LRU with its times. A `KeptValue` is its own row. */
interface Row extends Omit<Entry.Kept, "value"> {
  readonly stored: Value
}

const rowOf = ({ filledAt, lifetime, took, value }: Entry.Kept): Row =>
  value instanceof EncodedValue ? value.keep(filledAt, took, lifetime) : { stored: value, filledAt, took, lifetime }

const keptOf = ({ filledAt, lifetime, stored, took }: Row): Entry.Kept => ({ value: stored, filledAt, took, lifetime })

class Memory {
  private readonly values: LRUCache<string, Row>
  private readonly leases = new LeaseTable()
  private readonly listeners = new Set<ChangeListener>()
  private readonly watchers = new Map<string, Set<Latch.Latch>>()
  private readonly maxBytes: number
  private readonly sizeOf: (value: Value, key: string) => number
  private grants = 0
  private evicted = 0

  constructor(options: Options) {
    Check.known(options, optionNames)
    const max = Check.integer("maxEntries", options.maxEntries, { min: 1, default: defaultMaxEntries })
    this.maxBytes = Check.integer("maxBytes", options.maxBytes, { min: 1, default: Infinity })
    this.sizeOf = Check.fn("sizeOf", options.sizeOf, encodedSize)
    const dispose = (_: Row, __: string, reason: string) => {
      if (reason === "evict") this.evicted++
    }
    const bounds = this.maxBytes === Infinity ? { max } : { max, maxSize: this.maxBytes }
    this.values = new LRUCache({ ...bounds, dispose })
  }

  /** Values that a bound evicted. */
  readonly evictions = (): number => this.evicted

  readonly hitUnsafe = (key: string, clock: LocalClock): LocalHit | undefined => {
    const row = this.values.get(key)
    if (row === undefined) return undefined
    const { stored: value, lifetime } = row
    // Reading the clock would cost as much as all the rest.
    if (lifetime.fresh === Infinity) return { value, freshFor: Infinity, age: undefined }
    const age = Monotonic.now(clock) - row.filledAt
    const freshFor = lifetime.fresh - age
    return freshFor > 0 ? { value, freshFor, age } : undefined
  }

  readonly valueUnsafe = (key: string, clock: LocalClock): Value | undefined => {
    const row = this.values.get(key)
    if (row === undefined) return undefined
    const { fresh } = row.lifetime
    return fresh === Infinity || Monotonic.exact(clock) - row.filledAt < fresh ? row.stored : undefined
  }

  /** Runs one move on the entry of a key. `changed` is true when the answer means that the key changed. */
  move<A>(
    key: string,
    f: (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>,
    changed: (answer: A) => boolean,
    size?: number
  ): Effect.Effect<A> {
    return Effect.withFiber((fiber) => {
      const now = Monotonic.now(fiber.getRef(Clock.Clock))
      const row = this.values.get(key)
      const kept = row && keptOf(row)
      const leased = this.leases.get(key)
      const entry = kept === undefined ? leased : { kept, lease: leased?.lease, cooldown: leased?.cooldown }
      const [answer, next] = f(entry, now)
      if (next !== entry) {
        if (next?.kept !== kept) {
          if (next?.kept === undefined) this.values.delete(key)
          else this.values.set(key, rowOf(next.kept), this.sized(key, next.kept.value === kept?.value, size))
        }
        const isLeased = next?.lease !== undefined || next?.cooldown !== undefined
        if (isLeased || leased !== undefined) {
          this.leases.set(key, isLeased ? { ...next, kept: undefined } : undefined, now)
        }
      }
      if (changed(answer)) this.wake(key)
      return Effect.succeed(answer)
    })
  }

  readonly grant = (): Token => Token(`${++this.grants}`)

  /** The size that the LRU counts where bytes are bounded. A value that stays the same keeps its size. */
  private sized(key: string, same: boolean, size: number | undefined): { readonly size: number } | undefined {
    if (this.maxBytes === Infinity) return undefined
    return { size: size ?? (same ? this.values.info(key)?.size : undefined) ?? 1 }
  }

  /** Writes a value. Where bytes are bounded it is measured first, and refused when it is too large. */
  write<A>(
    operation: Operation,
    key: string,
    value: Value,
    write: (size: number | undefined) => Effect.Effect<A>
  ): Effect.Effect<A, AdapterError> {
    if (this.maxBytes === Infinity) return write(undefined)
    const refuse = (message: string, cause?: unknown) =>
      Effect.fail(new AdapterError({ adapter: "memory", operation, key, reason: "Rejected", message, cause }))
    return Effect.suspend(() => {
      let size: number
      try {
        const measured = this.sizeOf(value, key)
        Check.silence(measured)
        size = Math.max(1, Math.ceil(measured))
      } catch (cause) {
        return refuse("sizeOf threw an error", cause)
      }
      if (size <= this.maxBytes) return write(size)
      return refuse(`the value has ${size} bytes, and maxBytes is ${this.maxBytes}`)
    })
  }

  readonly watch = (key: string): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const latch = Latch.makeUnsafe()
          const latches = this.watchers.get(key)
          if (latches === undefined) this.watchers.set(key, new Set([latch]))
          else latches.add(latch)
          return latch
        }),
        (latch) =>
          Effect.sync(() => {
            const latches = this.watchers.get(key)
            if (latches?.delete(latch) && latches.size === 0) this.watchers.delete(key)
          })
      ),
      (latch) => latch.await
    )

  private wake(key: string): void {
    for (const listener of this.listeners) listener.changed(key)
    const latches = this.watchers.get(key)
    if (latches === undefined) return
    this.watchers.delete(key)
    for (const latch of latches) latch.openUnsafe()
  }

  readonly changes = (listener: ChangeListener): Effect.Effect<void, never, Scope.Scope> =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => this.listeners.add(listener)),
        () => Effect.sync(() => this.listeners.delete(listener))
      )
    )

  readonly keys = (prefix: string): Stream.Stream<string> =>
    Stream.unwrap(
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          const now = Monotonic.now(clock)
          const keys = new Set<string>()
          for (const [key, row] of this.values.entries()) {
            if (key.startsWith(prefix) && now < Entry.keptUntil(keptOf(row))) keys.add(key)
          }
          for (const [key, { lease }] of this.leases.all()) {
            if (key.startsWith(prefix) && lease !== undefined && now < lease.until) keys.add(key)
          }
          return Stream.fromIterable(keys)
        })
      )
    )
}

const never = (): boolean => false
const always = (): boolean => true
const yes = (answer: boolean): boolean => answer

const storeOf = (options: Options): ListingAdapter => {
  const memory = new Memory(options)
  return {
    name: "memory",
    keepsReferences: true,
    limits: {
      keyBytes: Infinity,
      valueBytes: options.maxBytes ?? Infinity,
      tick: 1,
      clock: "store"
    },
    hitUnsafe: memory.hitUnsafe,
    valueUnsafe: memory.valueUnsafe,
    evictions: memory.evictions,
    acquire: (key, options) =>
      memory.move(key, (entry, now) => Entry.acquire(entry, now, options, memory.grant), never),
    fill: (key, options) =>
      options.value === undefined
        ? memory.move(key, (entry, now) => Entry.fill(entry, now, options), yes)
        : memory.write("fill", key, options.value, (size) =>
            memory.move(key, (entry, now) => Entry.fill(entry, now, options), yes, size)
          ),
    abandon: (key, options) => memory.move(key, (entry, now) => Entry.abandon(entry, now, options), yes),
    renew: (key, options) => memory.move(key, (entry, now) => Entry.renew(entry, now, options), never),
    delete: (key) => memory.move(key, Entry.remove, always),
    put: (key, options) =>
      memory.write("put", key, options.value, (size) =>
        memory.move(key, (_, now) => Entry.put(now, options), always, size)
      ),
    touch: (key, options) => memory.move(key, (entry, now) => Entry.touch(entry, now, options), never),
    read: (key) => memory.move(key, (entry, now) => [Entry.read(entry, now), entry], never),
    // Waking a waiter would continue one request's work inside another.
    watch: onWorkers() ? undefined : memory.watch,
    changes: onWorkers() ? undefined : memory.changes,
    keys: memory.keys
  }
}

/**
 * Makes an adapter that keeps everything in this process. Each name has a store of its own: a hit is found by the bare key.
 *
 * @throws InvalidOption when a bound is not a positive integer
 */
export const make = (options: Options = {}): ListingAdapter => Namespace.provide(storeOf(options), () => make(options))

/** The memory adapter as a layer. */
export const layer = (options?: Options): Layer.Layer<Adapter | ListingAdapter> =>
  AdapterLayer.listing(Effect.sync(() => make(options)))

let shared: ListingAdapter | undefined

/** The one memory adapter that the whole process shares: `adapter: "memory"`. Each name has a store of its own there. */
export const processWide = (): ListingAdapter => (shared ??= make())

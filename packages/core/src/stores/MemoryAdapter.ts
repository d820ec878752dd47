/**
 * The adapter that stays in this process: `Entry` over an LRU.
 *
 * Values are kept by reference, so a hit decodes nothing and allocates one small object.
 * They live in a bounded LRU; leases and cooldowns live beside it in a map of their own,
 * so no amount of traffic evicts a live lease.
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
import { onWorkers } from "../options/RequestScope.ts"

/** How a memory adapter is bounded. */
export interface Options {
  /** The most values kept; the least recently used goes first. Default 10,000. */
  readonly maxEntries?: number | undefined
  /** The most bytes kept, as `sizeOf` tells them. Not bounded by default. A larger value is refused. */
  readonly maxBytes?: number | undefined
  /**
   * The size of a value in bytes, asked once per value and only with `maxBytes`.
   * By default the length of the encoded value, which costs the encoding.
   */
  readonly sizeOf?: ((value: Value, key: string) => number) | undefined
}

const defaultMaxEntries = 10_000

const optionNames: ReadonlySet<string> = new Set(["maxEntries", "maxBytes", "sizeOf"])

const encodedSize = (value: Value): number => value.bytes.byteLength

/** Leases and cooldowns of keys. Each addition looks at two of those there, in turn, and forgets what is over. */
class LeaseTable {
  private readonly map = new Map<string, Entry.Entry>()
  /** Goes round and round: beginning anew each time would walk over the graves of all that were deleted. */
  private hand = this.map.entries()

  get(key: string): Entry.Entry | undefined {
    return this.map.get(key)
  }

  all(): Iterable<[string, Entry.Entry]> {
    return this.map
  }

  set(key: string, turn: Entry.Entry | undefined, now: number): void {
    if (turn === undefined) this.map.delete(key)
    else {
      this.sweep(now)
      this.sweep(now)
      this.map.set(key, turn)
    }
  }

  private sweep(now: number): void {
    const next = this.hand.next()
    if (next.done) this.hand = this.map.entries()
    else if (now >= Entry.endsAt(next.value[1])) this.map.delete(next.value[0])
  }
}

/** A value in the LRU: its bytes and times, or a `Sealed` that holds the times itself. */
interface Row extends Omit<Entry.Kept, "value"> {
  readonly held: Value
}

const rowOf = ({ filledAt, lifetime, took, value }: Entry.Kept): Row =>
  value instanceof EncodedValue ? value.keep(filledAt, took, lifetime) : { held: value, filledAt, took, lifetime }

const keptOf = ({ filledAt, held, lifetime, took }: Row): Entry.Kept => ({ value: held, filledAt, took, lifetime })

class Memory {
  private readonly values: LRUCache<string, Row>
  private readonly turns = new LeaseTable()
  private readonly listeners = new Set<ChangeListener>()
  private readonly watchers = new Map<string, Set<Latch.Latch>>()
  private readonly maxBytes: number
  private readonly sizeOf: (value: Value, key: string) => number
  private grants = 0
  private evicted = 0
  /**
   * Instants are kept from here on: for its first 24 days of life they are small integers, which V8
   * keeps without a box of their own.
   */
  private epoch = Number.NaN

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

  /** Values that a bound pushed out. */
  readonly evictions = (): number => this.evicted

  readonly hitUnsafe = (key: string, clock: LocalClock): LocalHit | undefined => {
    const kept = this.values.get(key)
    if (kept === undefined) return undefined
    const { held: value, lifetime } = kept
    // Reading the clock would cost as much as all the rest.
    if (lifetime.fresh === Infinity) return { value, freshFor: Infinity, age: undefined }
    const age = this.now(clock) - kept.filledAt
    const freshFor = lifetime.fresh - age
    return freshFor > 0 ? { value, freshFor, age: Math.max(0, age) } : undefined
  }

  readonly valueUnsafe = (key: string, clock: LocalClock): Value | undefined => {
    const kept = this.values.get(key)
    if (kept === undefined) return undefined
    const { fresh } = kept.lifetime
    return fresh === Infinity || this.now(clock) - kept.filledAt < fresh ? kept.held : undefined
  }

  private now(clock: LocalClock): number {
    const now = clock.currentTimeMillisUnsafe()
    if (Number.isNaN(this.epoch)) this.epoch = now
    const since = now - this.epoch
    // The difference of two doubles is a double in a box, until it is made an integer.
    const whole = since | 0
    return whole === since ? whole : since
  }

  /** Runs one move on what is there. `wakes` says whether the answer means that the key changed. */
  move<A>(
    key: string,
    f: (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>,
    wakes: (answer: A) => boolean,
    size?: number
  ): Effect.Effect<A> {
    return Effect.withFiber((fiber) => {
      const now = this.now(fiber.getRef(Clock.Clock))
      const row = this.values.get(key)
      const kept = row && keptOf(row)
      const turn = this.turns.get(key)
      const entry = kept === undefined ? turn : { kept, lease: turn?.lease, cooldown: turn?.cooldown }
      const [answer, next] = f(entry, now)
      if (next !== entry) {
        if (next?.kept !== kept) {
          if (next?.kept === undefined) this.values.delete(key)
          else this.values.set(key, rowOf(next.kept), this.sized(key, next.kept.value === kept?.value, size))
        }
        const turns = next?.lease !== undefined || next?.cooldown !== undefined
        if (turns || turn !== undefined) this.turns.set(key, turns ? { ...next, kept: undefined } : undefined, now)
      }
      if (wakes(answer)) this.wake(key)
      return Effect.succeed(answer)
    })
  }

  readonly grant = (): Token => Token(`${++this.grants}`)

  /** What the LRU is to count a value as, where bytes are bounded: what it was, if it is the same. */
  private sized(key: string, same: boolean, size: number | undefined): { readonly size: number } | undefined {
    if (this.maxBytes === Infinity) return undefined
    return { size: size ?? (same ? this.values.info(key)?.size : undefined) ?? 1 }
  }

  /** Measures a value where bytes are bounded, then writes it, or refuses it. */
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
        size = Math.max(1, Math.ceil(this.sizeOf(value, key)))
      } catch (cause) {
        return refuse("the size of the value cannot be told", cause)
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
          const now = this.now(clock)
          const keys = new Set<string>()
          for (const [key, row] of this.values.entries()) {
            if (key.startsWith(prefix) && now < Entry.keptUntil(keptOf(row))) keys.add(key)
          }
          for (const [key, { lease }] of this.turns.all()) {
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

/**
 * A cache in this process.
 *
 * @throws InvalidOption when a bound is not a positive integer
 */
export const make = (options: Options = {}): ListingAdapter => {
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
    // A wake-up would go on with one request's work inside of another.
    watch: onWorkers() ? undefined : memory.watch,
    changes: onWorkers() ? undefined : memory.changes,
    keys: memory.keys
  }
}

/** The memory adapter as a layer. */
export const layer = (options?: Options): Layer.Layer<Adapter | ListingAdapter> =>
  AdapterLayer.listing(Effect.sync(() => make(options)))

let shared: ListingAdapter | undefined

/** The one memory cache of this process: what `adapter: "memory"` means. */
export const processWide = (): ListingAdapter => (shared ??= make())

/**
 * Versions: the bytes of one load each, in a value store, under a name that a lease store keeps as its value.
 *
 * Names are random and never used twice. So a late write of an older load can never be read as a newer one's bytes, and
 * no cache of absent names in between can hide a version. A small value is kept in the lease store itself.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { LRUCache } from "lru-cache"
import type { AdapterError, Lifetime, Value } from "../contract/Adapter.ts"

/** A backend that keeps bytes under a name for a time. It may be slow to show them elsewhere. */
export interface ValueStore {
  /** The backend's name, for errors and metrics. */
  readonly name: string
  /** The same object for stores that reach the same names of the same backend. Defaults to the store itself. */
  readonly identity?: object | undefined
  /** The largest value, in bytes. */
  readonly valueBytes: number
  readonly get: (name: string) => Effect.Effect<Uint8Array | undefined, AdapterError>
  /**
   * Bytes kept shorter than `ttl` are a miss. Bytes kept longer do no harm, but the store must remove them by itself at
   * some time: nothing else deletes a version that ends unread.
   *
   * @param ttl milliseconds, may be `Infinity`
   */
  readonly set: (name: string, bytes: Uint8Array, ttl: number) => Effect.Effect<void, AdapterError>
  /** Removes bytes. Where it is missing, overwritten and deleted versions stay until their time is over. */
  readonly delete?: ((name: string) => Effect.Effect<void, AdapterError>) | undefined
}

/** A value store as an Effect service, for layers. */
export const ValueStore: Context.Service<ValueStore, ValueStore> = Context.Service<ValueStore>(
  "@cache-locking/core/ValueStore"
)

/** Options of `withLeases`. */
export interface Pairing {
  /** Values of up to this many bytes are kept in the lease store itself. By default none is. */
  readonly inlineBytes?: number | undefined
  /**
   * True when versions stay until the lease store itself removes them: each whose name it overwrites, ended or not. Then
   * neither a touch nor a fill without a value moves any bytes. Default false.
   */
  readonly leasesDiscard?: boolean | undefined
}

/** A version is written before its name, so it must live this much longer. In milliseconds. */
const headStart = 60_000

/** The leases whose overwritten versions are remembered for removal. Further ones stay until their time is over. */
const maxRemembered = 1_000

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Distinguishes a name from a value that the lease store kept before values had a store of their own. */
const mark = "\u0000version:"

/** The first byte of a value that is kept in the lease store itself. Names begin with another byte. */
const inlineMark = 1

/** A name that was never used. */
export const newName = (): string => crypto.randomUUID()

/** The name as a value of the lease store. */
export const format = (name: string): Value => ({ bytes: encoder.encode(mark + name) })

/** The name in a value of the lease store, if there is one. */
export const parse = (value: Value): string | undefined => {
  if (value.bytes[0] !== 0) return undefined
  const text = decoder.decode(value.bytes)
  return text.startsWith(mark) ? text.slice(mark.length) : undefined
}

/** The value itself as a value of the lease store. */
export const inline = ({ bytes }: Value): Value => {
  const marked = new Uint8Array(bytes.byteLength + 1)
  marked[0] = inlineMark
  marked.set(bytes, 1)
  return { bytes: marked }
}

/** The value that is kept in a value of the lease store, if there is one. */
export const inlined = ({ bytes }: Value): Value | undefined =>
  bytes[0] === inlineMark ? { bytes: bytes.subarray(1) } : undefined

/** The versions in one value store. */
export class Versions {
  /** True when a version stays until the lease store removes it, whatever its lifetime. */
  readonly lasting: boolean
  private readonly values: ValueStore
  /** -1 when no value is kept in the lease store. */
  private readonly inlineBytes: number
  /** By token of a lease: the version that its fill overwrites. Only where overwritten versions are removed here. */
  private readonly overwritten: LRUCache<string, string> | undefined

  constructor(values: ValueStore, { inlineBytes = -1, leasesDiscard = false }: Pairing) {
    this.values = values
    this.lasting = leasesDiscard
    this.inlineBytes = inlineBytes
    this.overwritten = values.delete === undefined || leasesDiscard ? undefined : new LRUCache({ max: maxRemembered })
  }

  /** True when overwritten versions are to be removed here. */
  get discards(): boolean {
    return this.overwritten !== undefined
  }

  /** The bytes of a value of the lease store: those under its name, or its own. Nothing when it is neither. */
  get(value: Value): Effect.Effect<Uint8Array | undefined, AdapterError> {
    const name = parse(value)
    return name === undefined ? Effect.succeed(inlined(value)?.bytes) : this.values.get(name)
  }

  /** Writes a new version, and returns the value for the lease store: the version's name, or a small value itself. */
  write(value: Value, { fresh, stale }: Lifetime): Effect.Effect<Value, AdapterError> {
    // A new name for each run: an effect that is run again, as retries do, is another load.
    return Effect.suspend(() => {
      if (value.bytes.byteLength <= this.inlineBytes) return Effect.succeed(inline(value))
      const name = newName()
      return Effect.as(this.rewrite(name, value.bytes, fresh + stale), format(name))
    })
  }

  /** Writes a version again under its own name. `ttl` is the lifetime of the name, in milliseconds. */
  rewrite(name: string, bytes: Uint8Array, ttl: number): Effect.Effect<void, AdapterError> {
    return this.values.set(name, bytes, ttl + headStart)
  }

  /** Best effort: a version that is not removed here stays until its time is over. */
  discard(name: string | undefined): Effect.Effect<void> {
    if (this.values.delete === undefined || name === undefined) return Effect.void
    return Effect.ignore(this.values.delete(name))
  }

  /** Remembers the version that the fill of a lease will overwrite. */
  remember(token: string, name: string | undefined): void {
    if (name !== undefined) this.overwritten?.set(token, name)
  }

  /** Returns the version remembered for a lease, once. */
  take(token: string): string | undefined {
    const name = this.overwritten?.peek(token)
    this.overwritten?.delete(token)
    return name
  }
}

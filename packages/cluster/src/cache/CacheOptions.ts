/**
 * What the cache by itself may be told, and how it is checked.
 */
import { type Cache, Check, type Codec, type Tiered } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import { clientOptionNames, type SpaceClientOptions } from "../client/SpaceClient.ts"
import type { CallContext } from "./CacheAdapter.ts"

/** How a cache is made. */
export interface Options<in out A> extends SpaceClientOptions {
  /** How values become bytes. `Codec.default` unless given, which keeps Map, Set, Date, BigInt and bytes. */
  readonly codec?: Codec.Codec<A> | undefined
  /**
   * Copies of what this worker read, dropped when the primary tells of a change: a hot read then sends nothing. None by
   * default.
   */
  readonly near?: Tiered.Near | undefined
  /** How `fetch` behaves: leases, waiting, failures. The ttl is the namespace's, or the call's. */
  readonly load?: Omit<Cache.CallOptions<A>, "cacheTtl" | "hooks"> | undefined
}

/** What writing one value may decide. */
export interface SetOptions {
  /** How long it lives. Default: the namespace's `ttl`. */
  readonly ttl?: Duration.Input | undefined
  /** What it counts against `maxSize`. Default: its bytes. */
  readonly size?: number | undefined
}

/** What `fetch` may decide. */
export interface FetchOptions extends SetOptions {
  /**
   * Loads though there is a value. Whoever asks meanwhile joins, by force or not, and an older load can no longer fill.
   */
  readonly forceRefresh?: boolean | undefined
}

/** A value as it is kept, for `dump` and `load`. */
export interface Dumped {
  readonly key: string
  readonly bytes: Uint8Array
  /** Milliseconds left. */
  readonly ttl: number
  readonly size: number
}

const optionNames: ReadonlySet<string> = new Set([...clientOptionNames, "codec", "near", "load"])
const setNames: ReadonlySet<string> = new Set(["ttl", "size"])
const fetchNames: ReadonlySet<string> = new Set([...setNames, "forceRefresh"])

/**
 * Refuses options that there are not; what they may be is checked where they are used.
 *
 * @throws InvalidOption
 */
export const checkOptions = (options: object): void => Check.known(options, optionNames)

/**
 * What writing is told.
 *
 * @throws InvalidOption
 */
export const writeContextOf = (options: SetOptions | undefined): CallContext => resolve(options, setNames)

/**
 * What a load's fill is told.
 *
 * @throws InvalidOption
 */
export const fetchContextOf = (options: FetchOptions | undefined): CallContext => resolve(options, fetchNames)

const resolve = (options: SetOptions | undefined, names: ReadonlySet<string>): CallContext => {
  if (options === undefined) return {}
  Check.known(options, names)
  const { size, ttl } = options
  return {
    ttl: ttl === undefined ? undefined : Check.duration("ttl", ttl, { min: 1 }),
    size: size === undefined ? undefined : Check.integer("size", size, { min: 1, default: 1 })
  }
}

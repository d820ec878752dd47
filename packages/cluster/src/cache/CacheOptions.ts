/**
 * The options of the cache by itself and of its calls, and their checks.
 */
import { type Cache, Check, type Codec, type Tiered } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import { clientOptionNames, type SpaceClientOptions } from "../client/SpaceClient.ts"
import type { CallContext } from "./CacheAdapter.ts"

/** The options of a cache. */
export interface Options<in out A> extends SpaceClientOptions {
  /** Turns values into bytes. Default `Codec.default`, which keeps Map, Set, Date, BigInt and bytes. */
  readonly codec?: Codec.Codec<A> | undefined
  /**
   * Keeps copies of the values that this worker read, and drops them when the primary reports a change. A hot read then
   * sends nothing. None by default.
   */
  readonly near?: Tiered.Near | undefined
  /** Core's options for `fetch`: leases, waiting, failures. The ttl is the namespace's, or the call's. */
  readonly load?: Omit<Cache.CallOptions<A>, "bypassFor" | "cacheTtl" | "hooks"> | undefined
}

/** The options of one write. */
export interface SetOptions {
  /** The time that the value lives. Default: the namespace's `ttl`. */
  readonly ttl?: Duration.Input | undefined
  /** The size that counts against `maxSize`. Default: its bytes. */
  readonly size?: number | undefined
}

/** The options of one `fetch`. */
export interface FetchOptions extends SetOptions {
  /**
   * Loads even if there is a value. All callers that arrive meanwhile join, by force or not, and an older load can no
   * longer fill.
   */
  readonly forceRefresh?: boolean | undefined
}

const optionNames: ReadonlySet<string> = new Set([...clientOptionNames, "codec", "near", "load"])
const setNames: ReadonlySet<string> = new Set(["ttl", "size"])
const fetchNames: ReadonlySet<string> = new Set([...setNames, "forceRefresh"])

/**
 * Refuses options that do not exist. Their values are checked where they are used.
 *
 * @throws InvalidOption
 */
export const checkOptions = (options: object): void => Check.known(options, optionNames)

/**
 * The part of a write's options that travels with the fiber.
 *
 * @throws InvalidOption
 */
export const ofSet = (options: SetOptions | undefined): CallContext => resolve(options, setNames)

/**
 * The same of a load's options, for its fill.
 *
 * @throws InvalidOption
 */
export const ofFetch = (options: FetchOptions | undefined): CallContext => resolve(options, fetchNames)

const resolve = (options: SetOptions | undefined, names: ReadonlySet<string>): CallContext => {
  if (options === undefined) return {}
  Check.known(options, names)
  const { size, ttl } = options
  return {
    ttl: ttl === undefined ? undefined : Check.duration("ttl", ttl, { min: 1 }),
    size: size === undefined ? undefined : Check.integer("size", size, { min: 1, default: 1 })
  }
}

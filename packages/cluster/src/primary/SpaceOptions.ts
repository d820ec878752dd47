/**
 * How a namespace keeps its values: the options of `lru-cache`, checked once and compared where two sides open the same
 * namespace.
 */
import { Check } from "@cache-locking/core"
import type * as Duration from "effect/Duration"

export interface SpaceOptions {
  /** The most values kept; the least recently used goes first. Default 10,000. */
  readonly max?: number | undefined
  /** The most bytes kept (or whatever `size` counts). Not bounded by default. */
  readonly maxSize?: number | undefined
  /** A larger value is refused. Default `maxSize`. */
  readonly maxEntrySize?: number | undefined
  /** How long a value lives that is set without a ttl of its own. Default `Infinity`. */
  readonly ttl?: Duration.Input | undefined
  /** An expired value is given once more, and then removed. Default false. */
  readonly allowStale?: boolean | undefined
  /** `get` begins the value's ttl anew. Default false. */
  readonly updateAgeOnGet?: boolean | undefined
  /** `has` begins the value's ttl anew. Default false. */
  readonly updateAgeOnHas?: boolean | undefined
  /** An expired value that is met by `get` stays until it is pushed out, purged or replaced. Default false. */
  readonly noDeleteOnStaleGet?: boolean | undefined
  /** Expired values are removed by a timer, not only when they are met. Default false. */
  readonly ttlAutopurge?: boolean | undefined
}

/** Every option with its value, as it travels. */
export interface SpaceBounds {
  readonly max: number
  readonly maxSize: number
  readonly maxEntrySize: number
  /** Milliseconds. */
  readonly ttl: number
  readonly allowStale: boolean
  readonly updateAgeOnGet: boolean
  readonly updateAgeOnHas: boolean
  readonly noDeleteOnStaleGet: boolean
  readonly ttlAutopurge: boolean
}

const names = new Set([
  "max",
  "maxSize",
  "maxEntrySize",
  "ttl",
  "allowStale",
  "updateAgeOnGet",
  "updateAgeOnHas",
  "noDeleteOnStaleGet",
  "ttlAutopurge"
])

const defaultMax = 10_000

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const boundsOf = (options: SpaceOptions): SpaceBounds => {
  Check.known(options, names)
  const maxSize = Check.integer("maxSize", options.maxSize, { min: 1, default: Infinity })
  return {
    max: Check.integer("max", options.max, { min: 1, default: defaultMax }),
    maxSize,
    maxEntrySize: Check.integer("maxEntrySize", options.maxEntrySize, { min: 1, default: maxSize }),
    ttl: Check.duration("ttl", options.ttl ?? Infinity, { min: 1 }),
    allowStale: Check.bool("allowStale", options.allowStale, false),
    updateAgeOnGet: Check.bool("updateAgeOnGet", options.updateAgeOnGet, false),
    updateAgeOnHas: Check.bool("updateAgeOnHas", options.updateAgeOnHas, false),
    noDeleteOnStaleGet: Check.bool("noDeleteOnStaleGet", options.noDeleteOnStaleGet, false),
    ttlAutopurge: Check.bool("ttlAutopurge", options.ttlAutopurge, false)
  }
}

/** The names of the options in which two sides disagree. */
export const disagreement = (one: SpaceBounds, other: SpaceBounds): ReadonlyArray<string> =>
  (Object.keys(one) as Array<keyof SpaceBounds>).filter((name) => one[name] !== other[name])

/**
 * The options of a namespace, which are those of `lru-cache`, checked once. Two sides that open the same namespace
 * must agree on them.
 */
import { Check } from "@cache-locking/core"
import type * as Duration from "effect/Duration"

export interface SpaceOptions {
  /** The most values kept, up to 10 million. The least recently used is evicted first. Default 10,000. */
  readonly max?: number | undefined
  /** The most bytes kept, or the largest sum of what `size` counts. Not bounded by default. */
  readonly maxSize?: number | undefined
  /** A larger value is refused. Default `maxSize`. */
  readonly maxEntrySize?: number | undefined
  /** The time that a value lives if it is set without a ttl of its own. Default `Infinity`. */
  readonly ttl?: Duration.Input | undefined
  /** Returns an expired value once more, and then removes it. Default false. */
  readonly allowStale?: boolean | undefined
  /** Starts the value's ttl anew at each `get`. Default false. */
  readonly updateAgeOnGet?: boolean | undefined
  /** Starts the value's ttl anew at each `has`. Default false. */
  readonly updateAgeOnHas?: boolean | undefined
  /** Keeps an expired value that `get` meets, until it is evicted, purged or replaced. Default false. */
  readonly noDeleteOnStaleGet?: boolean | undefined
  /** Removes expired values by a timer. Otherwise they are removed when they are met. Default false. */
  readonly ttlAutopurge?: boolean | undefined
}

/** Every option with its value, as it travels. `ttl` is in milliseconds. */
export type SpaceBounds = {
  readonly [Name in keyof SpaceOptions]-?: Name extends "ttl" ? number : NonNullable<SpaceOptions[Name]>
}

const flags = ["allowStale", "updateAgeOnGet", "updateAgeOnHas", "noDeleteOnStaleGet", "ttlAutopurge"] as const
const names: ReadonlySet<string> = new Set(["max", "maxSize", "maxEntrySize", "ttl", ...flags])

const defaultMax = 10_000

/** The largest `max`: ten million. A map of V8 holds 16.7 million keys at most. */
export const largestMax = 10_000_000

/**
 * Checks the most values that a namespace keeps.
 *
 * @throws InvalidOption
 */
export const maxOf = (max: number | undefined): number =>
  Check.integer("max", max, { min: 1, max: largestMax, default: defaultMax })

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const boundsOf = (options: SpaceOptions): SpaceBounds => {
  Check.known(options, names)
  const maxSize = Check.integer("maxSize", options.maxSize, { min: 1, default: Infinity })
  const flag = (name: (typeof flags)[number]) => Check.bool(name, options[name], false)
  return {
    max: maxOf(options.max),
    maxSize,
    maxEntrySize: Check.integer("maxEntrySize", options.maxEntrySize, { min: 1, default: maxSize }),
    ttl: Check.duration("ttl", options.ttl ?? Infinity, { min: 1 }),
    allowStale: flag("allowStale"),
    updateAgeOnGet: flag("updateAgeOnGet"),
    updateAgeOnHas: flag("updateAgeOnHas"),
    noDeleteOnStaleGet: flag("noDeleteOnStaleGet"),
    ttlAutopurge: flag("ttlAutopurge")
  }
}

/** The most characters of a namespace's name. */
const longestName = 1_024

/**
 * Checks the name of a namespace.
 *
 * @throws InvalidOption
 */
export const nameOf = (name: string | undefined): string => {
  if (name === undefined) return "cache"
  if (typeof name === "string" && name !== "" && name.length <= longestName && name.isWellFormed()) return name
  throw Check.invalid("namespace", name, `a string of 1 to ${longestName} characters, without lone surrogates`)
}

/** The names of the options in which two sides differ. */
export const differences = (one: SpaceBounds, other: SpaceBounds): ReadonlyArray<string> =>
  (Object.keys(one) as Array<keyof SpaceBounds>).filter((name) => one[name] !== other[name])

/**
 * The options of a cache or a call, checked once and resolved to plain numbers and functions.
 */
import type * as Duration from "effect/Duration"
import type { Adapter, AdapterLimits, Lifetime } from "../contract/Adapter.ts"
import * as Check from "../contract/Check.ts"
import * as Identity from "../contract/Identity.ts"
import * as Tags from "../tags/Tags.ts"
import * as WaitStrategy from "./WaitStrategy.ts"

/**
 * The behaviour of a cache, or of one call. Every duration is an Effect `Duration` input: a number of milliseconds,
 * `"30 seconds"`, `{ minutes: 5 }`, a `Duration`.
 */
export interface Options<in out A> {
  /**
   * The time for which a loaded value is fresh. `Infinity`, the default, never expires. 0 is never fresh, so the value is not kept
   * unless there is a stale window. A function decides by value and key.
   */
  readonly cacheTtl?: Duration.Input | ((value: A, key: string) => Duration.Input) | undefined
  /**
   * For this long after expiry a value is served at once while one flight loads a new one
   * (`stale-while-revalidate`, RFC 5861). Default 0.
   */
  readonly staleWhileRevalidate?: Duration.Input | undefined
  /**
   * For this long after expiry a value is served when the load fails (`stale-if-error`, RFC 5861). Failures do not prolong
   * it. Default 0.
   */
  readonly staleIfError?: Duration.Input | undefined
  /**
   * Each hit makes the value fresh for `cacheTtl` again. That costs one more command, and none until a tenth of the time
   * has passed. Needs a finite `cacheTtl` that is no function. Default false.
   */
  readonly sliding?: boolean | undefined
  /** The longest that a value is fresh after its load, however often it is hit. Default `Infinity`. */
  readonly maxAge?: Duration.Input | undefined
  /**
   * Shortens `cacheTtl` at random by up to this share, so that values loaded together do not expire together. 0.1 is a
   * tenth. Default 0.
   */
  readonly jitter?: number | undefined
  /**
   * Refreshes a fresh value in the background before it expires. The refresh is more likely the closer the expiry is and
   * the longer the last load took (XFetch: Vattani, Chierichetti and Lowenstein, VLDB 2015). `true` is `{ beta: 1 }`; a
   * larger `beta` refreshes earlier. Off by default.
   */
  readonly earlyRefresh?: boolean | { readonly beta?: number | undefined } | undefined
  /**
   * Limits of the wait for the fetcher. After `soft` the caller gets a stale value, if its stale windows allow one, and the
   * load goes on; otherwise it waits on. After `hard` the load fails with `FETCH_TIMEOUT`. Neither is set by default.
   */
  readonly fetchTimeout?:
    | { readonly soft?: Duration.Input | undefined; readonly hard?: Duration.Input | undefined }
    | undefined
  /**
   * The tags of a value, by which `invalidateTag` finds it. A function derives them from key and value. Reading a tagged
   * value costs one more round trip, and it lives for 30 days at most. None by default.
   */
  readonly tags?: Tags.Input<A> | undefined
  /**
   * Decides if a loaded value is cached. By default all are. One that is not cached ends the older value, which is then
   * served neither as stale nor after an error. See `bypassFor` for the next loads of the key.
   */
  readonly shouldCache?: ((value: A) => boolean) | undefined
  /**
   * For this long after a result that is not to be cached, and for as long again as its load took, nobody waits for
   * another process's load of the key. Such a result is one that `shouldCache` or a `cacheTtl` of 0 declines, one that
   * cannot be encoded or that the store refuses, and none from `fetchMany`. Each caller that finds the key leased then
   * loads at once, uncached. The one that holds the lease fills if its own result can be cached, which ends this time.
   * Default 10 seconds; 0 lets the processes load one after the other.
   */
  readonly bypassFor?: Duration.Input | undefined
  /**
   * The duration of a lease. It is renewed after a third of it while the fetcher runs. At least 10 ms, and at least 4
   * seconds where the clocks of hosts decide (DynamoDB; S3 by the store's clock): hosts would take over each other's
   * shorter ones. Default 15 seconds.
   */
  readonly leaseTtl?: Duration.Input | undefined
  /** The longest wait for another's load. Default 4 seconds. */
  readonly waitMax?: Duration.Input | undefined
  /** The first delay of wait strategies. Default 50 ms, or the `pollEvery` of the adapter if that is longer. */
  readonly waitStep?: Duration.Input | undefined
  /** The pace at which followers poll. Default `WaitStrategy.leaseAware()`. */
  readonly waitStrategy?: WaitStrategy.Input | undefined
  /**
   * The action when `waitMax` is over. `"fetch"` (the default) loads without a lease and without caching, once per
   * process. `"stale"` serves a stale value, if the stale windows allow one, else fails. `"fail"` fails with
   * `WAIT_TIMEOUT`. With `"fetch"`, callers wait for a load of their own process as long as it takes.
   */
  readonly onWaitTimeout?: "fetch" | "stale" | "fail" | undefined
  /**
   * For this long after a failed load nobody loads the key, and every caller that waited for it gets its failure. It
   * doubles with each further failure in this process. Default 100 ms; 0 lets the next caller load at once.
   */
  readonly cooldown?: Duration.Input | undefined
  /** The longest cooldown. Default 1 second, or `cooldown` if that is longer. */
  readonly cooldownMax?: Duration.Input | undefined
  /**
   * The action of a caller that arrives while a key cools down: `"wait"` until the cooldown is over, if that fits into
   * `waitMax` (the default); `"fail"` at once with the failure; `"fetch"` without caching.
   */
  readonly onCooling?: "wait" | "fail" | "fetch" | undefined
  /**
   * The action when the store does not answer, or is down: `"fail"` with `CACHE_GET_FAILED` (the default), or `"fetch"`
   * without caching, once per process.
   */
  readonly onAdapterError?: "fail" | "fetch" | undefined
  /**
   * The action when the lease is lost while the fetcher runs: `"finish"` answers with its value, uncached (the default);
   * `"interrupt"` stops it and asks the store again.
   */
  readonly onLeaseLost?: "finish" | "interrupt" | undefined
  /** The beginning of the owner's name in the store, for people who read `explain`. Every flight adds a name of its own. */
  readonly ownerId?: string | undefined
}

/** The names of the options. */
export const names: ReadonlyArray<keyof Options<never>> = [
  "cacheTtl",
  "staleWhileRevalidate",
  "staleIfError",
  "sliding",
  "maxAge",
  "jitter",
  "earlyRefresh",
  "fetchTimeout",
  "tags",
  "shouldCache",
  "bypassFor",
  "leaseTtl",
  "waitMax",
  "waitStep",
  "waitStrategy",
  "onWaitTimeout",
  "cooldown",
  "cooldownMax",
  "onCooling",
  "onAdapterError",
  "onLeaseLost",
  "ownerId"
]

/** The resolved options. Durations are milliseconds. */
export interface Policy {
  readonly cacheTtl: number | ((value: unknown, key: string) => Duration.Input)
  /** The lifetime of every value, where `cacheTtl` is no function. It is shared, so each value holds only a pointer. */
  readonly lifetime: Lifetime | undefined
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly sliding: boolean
  readonly maxAge: number
  readonly jitter: number
  /** The beta of XFetch; 0 when there is no early refresh. */
  readonly earlyRefresh: number
  readonly softTimeout: number
  readonly hardTimeout: number
  readonly tags: Tags.Input<unknown> | undefined
  readonly shouldCache: (value: unknown) => boolean
  /** 0 when marks are neither left nor heeded. */
  readonly bypassFor: number
  readonly leaseTtl: number
  /** The shortest lease that the adapter can keep. */
  readonly shortestLease: number
  /** The longest key of the adapter, in bytes: a tag is one, too. */
  readonly keyBytes: number
  readonly waitMax: number
  readonly waitStep: number
  readonly waitStrategy: WaitStrategy.WaitStrategy
  readonly onWaitTimeout: "fetch" | "stale" | "fail"
  readonly cooldown: number
  readonly cooldownMax: number
  readonly onCooling: "wait" | "fail" | "fetch"
  readonly onAdapterError: "fail" | "fetch"
  readonly onLeaseLost: "finish" | "interrupt"
  readonly ownerId: string
}

const yes = (): boolean => true

/** The policy without any option. */
export const defaults: Policy = {
  cacheTtl: Infinity,
  lifetime: { fresh: Infinity, stale: 0 },
  staleWhileRevalidate: 0,
  staleIfError: 0,
  sliding: false,
  maxAge: Infinity,
  jitter: 0,
  earlyRefresh: 0,
  softTimeout: Infinity,
  hardTimeout: Infinity,
  tags: undefined,
  shouldCache: yes,
  bypassFor: 10_000,
  leaseTtl: 15_000,
  shortestLease: 10,
  keyBytes: Infinity,
  waitMax: 4_000,
  waitStep: 50,
  waitStrategy: WaitStrategy.leaseAware(),
  onWaitTimeout: "fetch",
  cooldown: 100,
  cooldownMax: 1_000,
  onCooling: "wait",
  onAdapterError: "fail",
  onLeaseLost: "finish",
  ownerId: ""
}

/** The policy without any option over adapters of these limits. */
const within = Identity.perObject(
  ({ keyBytes, shortestLease }: AdapterLimits): Policy => ({
    ...defaults,
    keyBytes,
    ...(shortestLease !== undefined && { shortestLease })
  })
)

/** The policy without any option over an adapter. */
export const defaultsOver = ({ limits }: Adapter): Policy => within(limits)

/**
 * The lifetime of a value under a policy.
 *
 * @param random in [0, 1), for `jitter`
 */
export const lifetimeOf = (policy: Policy, value: unknown, key: string, random: number): Lifetime => {
  if (policy.lifetime !== undefined && policy.jitter === 0) return policy.lifetime
  const { cacheTtl } = policy
  const ttl = typeof cacheTtl === "function" ? Check.duration("cacheTtl", cacheTtl(value, key)) : cacheTtl
  const fresh = Math.min(ttl, policy.maxAge)
  return {
    fresh: fresh === Infinity ? fresh : Math.round(fresh * (1 - policy.jitter * random)),
    stale: staleWindow(policy)
  }
}

/** True when a hit may cause a slide or an early refresh. */
export const followsHits = ({ earlyRefresh, sliding }: Policy): boolean => sliding || earlyRefresh > 0

/**
 * The freshness that a hit gives a sliding value, in milliseconds; `undefined` for other values, and when too little
 * time has passed to be worth a command.
 */
export const slideOf = ({ cacheTtl, maxAge, sliding }: Policy, age: number, freshFor: number): number | undefined => {
  if (!sliding) return undefined
  const ttl = cacheTtl as number
  const slid = Math.min(ttl, maxAge - age)
  return slid - freshFor >= ttl / 10 ? slid : undefined
}

/** The cooldown after this many failures in a row. */
export const cooldownOf = (policy: Policy, failures: number): number =>
  Math.min(Math.max(policy.cooldown, policy.cooldownMax), policy.cooldown * 2 ** Math.min(failures - 1, 32))

const staleWindow = (policy: Pick<Policy, "staleWhileRevalidate" | "staleIfError">): number =>
  Math.max(policy.staleWhileRevalidate, policy.staleIfError)

type Times =
  | "maxAge"
  | "staleWhileRevalidate"
  | "staleIfError"
  | "bypassFor"
  | "leaseTtl"
  | "waitMax"
  | "waitStep"
  | "cooldown"
  | "cooldownMax"

/**
 * Resolves options over a base policy, and checks each option that is given.
 *
 * @throws InvalidOption
 */
export const make = <A>(options: Options<A>, base: Policy = defaults): Policy => {
  const duration = (name: Times, rule?: Check.DurationRule): number => {
    const value = options[name]
    return value === undefined ? base[name] : Check.duration(name, value, rule)
  }
  const staleWhileRevalidate = duration("staleWhileRevalidate")
  const staleIfError = duration("staleIfError")
  const maxAge = duration("maxAge", { min: 1 })
  const cacheTtl =
    options.cacheTtl === undefined
      ? base.cacheTtl
      : typeof options.cacheTtl === "function"
        ? (options.cacheTtl as (value: unknown, key: string) => Duration.Input)
        : Check.duration("cacheTtl", options.cacheTtl)
  return {
    cacheTtl,
    lifetime:
      typeof cacheTtl === "function"
        ? undefined
        : { fresh: Math.min(cacheTtl, maxAge), stale: staleWindow({ staleWhileRevalidate, staleIfError }) },
    staleWhileRevalidate,
    staleIfError,
    sliding: slides(options.sliding, base, cacheTtl),
    maxAge,
    jitter: Check.number("jitter", options.jitter, { min: 0, max: 1, default: base.jitter }),
    earlyRefresh: options.earlyRefresh === undefined ? base.earlyRefresh : betaOf(options.earlyRefresh),
    ...timeouts(options.fetchTimeout, base),
    tags: options.tags === undefined ? base.tags : tagsOf(options.tags, base),
    shouldCache: Check.fn("shouldCache", options.shouldCache as Policy["shouldCache"] | undefined, base.shouldCache),
    bypassFor: duration("bypassFor", { infinite: false }),
    leaseTtl: duration("leaseTtl", { min: base.shortestLease, infinite: false }),
    shortestLease: base.shortestLease,
    keyBytes: base.keyBytes,
    waitMax: duration("waitMax"),
    waitStep: duration("waitStep", { min: 1, infinite: false }),
    waitStrategy: options.waitStrategy === undefined ? base.waitStrategy : strategy(options.waitStrategy),
    onWaitTimeout: Check.oneOf("onWaitTimeout", options.onWaitTimeout, ["fetch", "stale", "fail"], base.onWaitTimeout),
    cooldown: duration("cooldown", { infinite: false }),
    cooldownMax: duration("cooldownMax", { infinite: false }),
    onCooling: Check.oneOf("onCooling", options.onCooling, ["wait", "fail", "fetch"], base.onCooling),
    onAdapterError: Check.oneOf("onAdapterError", options.onAdapterError, ["fail", "fetch"], base.onAdapterError),
    onLeaseLost: Check.oneOf("onLeaseLost", options.onLeaseLost, ["finish", "interrupt"], base.onLeaseLost),
    ownerId: Check.text("ownerId", options.ownerId, base.ownerId)
  }
}

const slides = (option: boolean | undefined, base: Policy, cacheTtl: Policy["cacheTtl"]): boolean => {
  const sliding = Check.bool("sliding", option, base.sliding)
  if (!sliding || (typeof cacheTtl === "number" && cacheTtl !== Infinity && cacheTtl > 0)) return sliding
  throw Check.invalid("sliding", option, "true only with a cacheTtl that is a finite time, not a function")
}

const tagsOf = <A>(input: Tags.Input<A>, base: Policy): Tags.Input<unknown> =>
  typeof input === "function" ? (input as Tags.Input<unknown>) : Tags.of(base, input, "", undefined)

const betaOf = (option: NonNullable<Options<unknown>["earlyRefresh"]>): number => {
  if (typeof option === "boolean") return option ? 1 : 0
  Check.known(option, new Set(["beta"]), "earlyRefresh.")
  return Check.number("earlyRefresh.beta", option.beta, { min: 0, default: 1 })
}

const timeouts = (
  option: Options<unknown>["fetchTimeout"],
  base: Policy
): Pick<Policy, "softTimeout" | "hardTimeout"> => {
  if (option === undefined) return { softTimeout: base.softTimeout, hardTimeout: base.hardTimeout }
  Check.known(option, new Set(["soft", "hard"]), "fetchTimeout.")
  const { hard, soft } = option
  const softTimeout = soft === undefined ? Infinity : Check.duration("fetchTimeout.soft", soft)
  const hardTimeout = hard === undefined ? Infinity : Check.duration("fetchTimeout.hard", hard, { min: 1 })
  if (softTimeout !== Infinity && softTimeout > hardTimeout) {
    throw Check.invalid("fetchTimeout.soft", soft, "a duration not longer than fetchTimeout.hard")
  }
  return { softTimeout, hardTimeout }
}

const strategy = (input: WaitStrategy.Input): WaitStrategy.WaitStrategy => {
  if (WaitStrategy.isInput(input)) return WaitStrategy.fromInput(input)
  throw Check.invalid("waitStrategy", input, "a WaitStrategy, an Effect Schedule, or a function of the wait's context")
}

/**
 * The options of one call, and of the close of a cache, and their checks.
 */
import type * as Duration from "effect/Duration"
import type { Adapter } from "../contract/Adapter.ts"
import * as Check from "../contract/Check.ts"
import type { Closing } from "../flight/Engine.ts"
import type { CallPlan } from "../flight/LoadRequest.ts"
import type { Hooks } from "../options/Answer.ts"
import * as Policy from "../options/Policy.ts"
import * as RequestScope from "../options/RequestScope.ts"

/** The options of one call: any policy, hooks of its own, and a signal. */
export interface CallOptions<in out A, out HE = never, out HR = never> extends Policy.Options<A> {
  readonly hooks?: Hooks<A, HE, HR> | undefined
  /** When it fires, the caller fails at once with `ABORTED`, whose `cause` is the signal's `reason`. */
  readonly signal?: AbortSignal | undefined
  /**
   * Keeps work alive that the request's answer does not wait for, such as a refresh behind a stale value. On Cloudflare
   * Workers pass `(work) => ctx.waitUntil(work)`, or `waitUntil` of the module `cloudflare:workers`. Without it, no
   * work begins there that could be cut off. Elsewhere it is not needed. Where it is given, each call may be a request
   * of its own, whose timers and promises end with it: calls still share flights, and a caller looks for the answer of
   * another's flight every 5 to 50 ms.
   */
  readonly waitUntil?: RequestScope.WaitUntil | undefined
}

/** The names of a call's options. */
export const callNames: ReadonlySet<string> = new Set([...Policy.names, "hooks", "signal", "waitUntil"])

const hookNames: ReadonlySet<string> = new Set([
  "onHit",
  "onLeader",
  "onFollowerWait",
  "onFallback",
  "onError",
  "onRefreshError",
  "onStoreChange"
])

const isSignal = (signal: Partial<AbortSignal> | null): boolean =>
  typeof signal?.addEventListener === "function" && typeof signal.removeEventListener === "function"

/**
 * Resolves a call's options over a plan.
 *
 * @throws InvalidOption
 */
export const planOf = (base: CallPlan, options: CallOptions<any, any, any>, names: ReadonlySet<string>): CallPlan => {
  Check.known(options, names)
  const { signal, waitUntil } = options
  const hooks = options.hooks as CallPlan["hooks"]
  Check.functions("hooks", hooks, hookNames)
  if (signal !== undefined && !isSignal(signal)) {
    throw Check.invalid("signal", signal, "an AbortSignal")
  }
  return {
    policy: Policy.make(options, base.policy),
    hooks: hooks === undefined || base.hooks === undefined ? (hooks ?? base.hooks) : { ...base.hooks, ...hooks },
    signal,
    force: base.force,
    scope: waitUntil === undefined ? base.scope : RequestScope.ofRequest(waitUntil),
    toFetcher: base.toFetcher
  }
}

/** The plan of a cache without options. */
export const defaultPlan = (adapter: Adapter, toFetcher?: CallPlan["toFetcher"]): CallPlan => ({
  policy: Policy.defaultsOver(adapter),
  hooks: undefined,
  signal: undefined,
  force: false,
  scope: RequestScope.ofPlatform(),
  toFetcher
})

/** The options of `close`. */
export interface CloseOptions {
  /**
   * The longest time that the close takes before it closes the adapter. A fifth of it, one second at most, is kept for giving
   * leases back. Default 5 seconds.
   */
  readonly within?: Duration.Input | undefined
  /**
   * The fate of the loads that callers wait for. `"await"` (the default) lets them end by themselves as long as `within`
   * allows, and ends the rest. `"end"` ends them at once. The callers of a load that is ended fail with `CACHE_CLOSED`, and its
   * lease is given back. Loads that nobody waits for are ended at once in any case.
   */
  readonly loads?: "await" | "end" | undefined
}

const closeNames: ReadonlySet<string> = new Set(["within", "loads"])

/**
 * Checks the options of a close.
 *
 * @throws InvalidOption
 */
export const closingOf = (options: CloseOptions = {}): Closing => {
  Check.known(options, closeNames)
  const { loads, within = 5_000 } = options
  return { within: Check.duration("within", within), loads: Check.oneOf("loads", loads, ["await", "end"], "await") }
}

/**
 * What one call may decide for itself, and how it is checked.
 */
import * as Effect from "effect/Effect"
import { InvalidOption } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import type { CallPlan } from "../flight/LoadRequest.ts"
import * as Hooks from "../options/Hooks.ts"
import * as Policy from "../options/Policy.ts"
import * as Life from "../options/RequestScope.ts"

/** What one call may decide for itself: any policy, hooks of its own, and a signal. */
export interface CallOptions<in out A, out HE = never, out HR = never> extends Policy.Options<A> {
  readonly hooks?: Hooks.Hooks<A, HE, HR> | undefined
  /** When it fires the caller is answered at once with `ABORTED`, whose `cause` is the signal's `reason`. */
  readonly signal?: AbortSignal | undefined
  /**
   * Keeps work alive for which the request's answer does not wait, such as a refresh behind a stale value:
   * `(work) => ctx.waitUntil(work)` on Cloudflare Workers, made once per request. Calls that are given the same function share
   * flights. Without it nothing is begun there that could be cut off. Elsewhere it is not needed.
   */
  readonly waitUntil?: Life.WaitUntil | undefined
}

/** The names of a call's options. */
export const callNames: ReadonlySet<string> = new Set([...Policy.names, "hooks", "signal", "waitUntil"])

/**
 * Resolves a call's options over a policy.
 *
 * @throws InvalidOption
 */
export const planOf = (
  base: Pick<CallPlan, "policy" | "scope">,
  options: CallOptions<any, any, any>,
  names: ReadonlySet<string>
): CallPlan => {
  Check.known(options, names)
  const { hooks, signal, waitUntil } = options
  Check.functions("hooks", hooks, Hooks.names)
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw Check.invalid("signal", signal, "an AbortSignal")
  }
  const scope = waitUntil === undefined ? base.scope : Life.ofRequest(waitUntil)
  return { policy: Policy.make(options, base.policy), hooks, signal, scope }
}

/** What a cache's options are resolved over. */
export const defaults = (): Pick<CallPlan, "policy" | "scope"> => ({
  policy: Policy.defaults,
  scope: Life.ofPlatform()
})

/** Runs what may throw `InvalidOption`, and nothing else, as an effect. */
export const checked = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | InvalidOption, R> => {
  try {
    return f()
  } catch (error) {
    return error instanceof InvalidOption ? Effect.fail(error) : Effect.die(error)
  }
}

/**
 * The lease while its load runs: renewed, lost, or given back.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AdapterError, Token, Value } from "../contract/Adapter.ts"
import { LeaseFailed } from "../contract/CacheLockingError.ts"
import type { LoadContext } from "./LoadContext.ts"

/** Tells that the lease could not be renewed or given back: nobody's answer. */
const reportLease = (
  turn: LoadContext<any, any, any>,
  phase: "renew" | "abandon",
  cause: AdapterError
): Effect.Effect<void> => {
  const { adapter, counters, key, report } = turn
  const context = { key, phase, adapter: adapter.name }
  return report(counters.adapterErred(new LeaseFailed({ context, message: cause.message, cause })))
}

/** Gives the lease back, perhaps with a cooldown and what everyone is to be told. */
export const abandon = (
  turn: LoadContext<any, any, any>,
  token: Token,
  cooldown?: number,
  cause?: Value | undefined
): Effect.Effect<void> =>
  Effect.matchEffect(turn.adapter.abandon(turn.key, { token, cooldown, cause }), {
    onFailure: (error) => reportLease(turn, "abandon", error),
    onSuccess: () => Effect.void
  })

/** Keeps a lease alive at a third of its length, and knows until when it lives. */
export class LeaseRenewal {
  until: number
  /** Whether the store said that the lease is gone. */
  lost = false
  private readonly turn: LoadContext<any, any, any>
  private readonly token: Token
  private readonly clock: Clock.Clock

  constructor(turn: LoadContext<any, any, any>, token: Token, clock: Clock.Clock) {
    this.turn = turn
    this.token = token
    this.clock = clock
    this.until = clock.currentTimeMillisUnsafe() + turn.policy.leaseTtl
  }

  /** Never succeeds; is interrupted, so as to interrupt the fetcher, when the lease is lost and that is the policy. */
  get untilLost(): Effect.Effect<never> {
    return Effect.flatMap(this.clock.sleep(Duration.millis(this.turn.policy.leaseTtl / 3)), () => this.again)
  }

  private get again(): Effect.Effect<never> {
    const { adapter, key, events, policy } = this.turn
    events.heartbeat()
    const asked = this.clock.currentTimeMillisUnsafe()
    const renewed = Effect.matchEffect(adapter.renew(key, { token: this.token, leaseFor: policy.leaseTtl }), {
      onFailure: (error) => Effect.as(reportLease(this.turn, "renew", error), true),
      onSuccess: (held) => {
        if (held) this.until = asked + policy.leaseTtl
        else this.lost = true
        return Effect.succeed(held)
      }
    })
    // A bug of the adapter is not to end a load that may well succeed.
    const survived = Effect.catchDefect(renewed, (defect) =>
      Effect.as(Effect.logWarning("cache-locking: the adapter failed to renew a lease", defect), true)
    )
    return Effect.flatMap(survived, (go) => {
      if (go) return this.untilLost
      return policy.onLeaseLost === "interrupt" ? Effect.interrupt : Effect.never
    })
  }

  /** Whether it was the renewal that stopped the fetcher. */
  stopped(exit: Exit.Exit<unknown, unknown>): boolean {
    return this.lost && this.turn.policy.onLeaseLost === "interrupt" && Exit.hasInterrupts(exit)
  }
}

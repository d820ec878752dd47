/**
 * A lease while its load runs: renewed, lost, or given back.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AdapterError, Token, Value } from "../contract/Adapter.ts"
import { LeaseFailed } from "../contract/CacheLockingError.ts"
import type { LoadContext } from "./LoadContext.ts"

/** Reports that the lease could not be renewed or given back: nobody's answer. */
const reportLease = (load: LoadContext, phase: "renew" | "abandon", cause: AdapterError): Effect.Effect<void> => {
  const { adapter, counters, key, report } = load
  const context = { key, phase, adapter: adapter.name }
  return report(counters.adapterErred(new LeaseFailed({ context, message: cause.message, cause })))
}

/** Gives the lease back; after a failed load with a cooldown, and with the failure for everybody else. */
export const abandon = (
  load: LoadContext,
  token: Token,
  cooldown?: number,
  cause?: Value | undefined
): Effect.Effect<void> =>
  Effect.matchEffect(load.adapter.abandon(load.key, { token, cooldown, cause }), {
    onFailure: (error) => reportLease(load, "abandon", error),
    onSuccess: () => Effect.void
  })

/** Renews a lease after each third of its length, and knows until when it lives. */
export class LeaseRenewal {
  until: number
  /** True when the store said that the lease is gone. */
  lost = false
  private readonly load: LoadContext
  private readonly token: Token
  private readonly clock: Clock.Clock

  constructor(load: LoadContext, token: Token, clock: Clock.Clock) {
    this.load = load
    this.token = token
    this.clock = clock
    this.until = clock.currentTimeMillisUnsafe() + load.policy.leaseTtl
  }

  /** Never succeeds. Is interrupted, so as to interrupt the fetcher, when the lease is lost and the policy says so. */
  get untilLost(): Effect.Effect<never> {
    return Effect.flatMap(this.clock.sleep(Duration.millis(this.load.policy.leaseTtl / 3)), () => this.again)
  }

  private get again(): Effect.Effect<never> {
    const { adapter, events, key, policy } = this.load
    events.heartbeat()
    const asked = this.clock.currentTimeMillisUnsafe()
    const renewed = Effect.matchEffect(adapter.renew(key, { token: this.token, leaseFor: policy.leaseTtl }), {
      onFailure: (error) => Effect.as(reportLease(this.load, "renew", error), true),
      onSuccess: (held) => {
        if (held) this.until = asked + policy.leaseTtl
        else this.lost = true
        return Effect.succeed(held)
      }
    })
    // A bug of the adapter must not end a load that may well succeed.
    const survived = Effect.catchDefect(renewed, (defect) =>
      Effect.as(Effect.logWarning("cache-locking: the adapter failed to renew a lease", defect), true)
    )
    return Effect.flatMap(survived, (held) => {
      if (held) return this.untilLost
      return policy.onLeaseLost === "interrupt" ? Effect.interrupt : Effect.never
    })
  }

  /** True when it was the renewal that stopped the fetcher. */
  stopped(exit: Exit.Exit<unknown, unknown>): boolean {
    return this.lost && this.load.policy.onLeaseLost === "interrupt" && Exit.hasInterrupts(exit)
  }
}

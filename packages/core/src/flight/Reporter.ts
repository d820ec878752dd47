/**
 * One cache's reports to the outside: counts that become metrics, and errors that are nobody's answer.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Adapter } from "../contract/Adapter.ts"
import { type CacheLockingError, formatCacheLockingError } from "../contract/CacheLockingError.ts"
import type { Hooks } from "../options/Answer.ts"
import { Meter } from "../stats/Metrics.ts"
import type { Counters } from "../stats/Stats.ts"

/** Flights after which counts are carried over to the metrics at once: between the requests of a Worker no timer runs. */
const flightsPerCarry = 256

export class Reporter {
  private readonly meter: Meter
  private flights = 0

  constructor(counters: Counters, context: Context.Context<never>, name: string, adapter: Adapter) {
    this.meter = new Meter(counters, context, name, adapter)
    counters.onLoaded = this.meter.loaded
  }

  /** Notes that something was counted. */
  counted(): void {
    this.meter.soon()
  }

  /** Notes that a flight is over. */
  flightEnded(): void {
    if (++this.flights >= flightsPerCarry) this.carry()
    else this.counted()
  }

  /** Carries the counts over to the metrics. */
  carry(): void {
    this.flights = 0
    this.meter.carry()
  }
}

/** Logs an error that is nobody's answer, and runs the hooks for errors beside the call. */
export const report = (error: CacheLockingError, hooks: Hooks<unknown, unknown> | undefined): Effect.Effect<void> => {
  const log = Effect.logWarning(`cache-locking: ${formatCacheLockingError(error)}`)
  const { onError, onRefreshError } = hooks ?? {}
  const calls: Array<Effect.Effect<unknown, unknown>> = []
  if (onError !== undefined) calls.push(Effect.suspend(() => onError(error)))
  if (onRefreshError !== undefined && error._tag === "REFRESH_FAILED") {
    calls.push(Effect.suspend(() => onRefreshError(error.cause, { key: error.context.key ?? "" })))
  }
  if (calls.length === 0) return log
  const beside = Effect.catchCause(Effect.all(calls), (cause) =>
    Effect.logWarning("cache-locking: a hook for errors failed", cause)
  )
  return Effect.andThen(log, Effect.asVoid(Effect.forkDetach(beside)))
}

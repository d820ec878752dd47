/**
 * The time inside a process. It never steps, whatever happens to the wall clock, so waits, leases, cooldowns and lifetimes
 * in this process are measured by it. It may stand still while the machine is suspended.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { LocalClock } from "./Adapter.ts"
import { longestTimer } from "./Check.ts"

const live: LocalClock = Context.get(Context.empty(), Clock.Clock)

// Counted from here, the time is a small integer for 24 days, which V8 stores without a box.
const start = performance.now()
const startOfOthers = Math.floor(Number(live.monotonicTimeNanosUnsafe()) / 1e6)

/** Milliseconds since this module was loaded; whole ones, unless a test's clock is finer. */
export const now = (clock: LocalClock): number => {
  // Effect's own clock would make a bigint of it, which costs more than a hit.
  const millis =
    clock === live
      ? Math.floor(performance.now() - start)
      : Number(clock.monotonicTimeNanosUnsafe()) / 1e6 - startOfOthers
  const small = millis | 0
  return small === millis ? small : millis
}

/** The same, not rounded: on the path of a hit, where the time is only compared, rounding would be a good part of the cost. */
export const exact = (clock: LocalClock): number =>
  clock === live ? performance.now() - start : Number(clock.monotonicTimeNanosUnsafe()) / 1e6 - startOfOthers

/**
 * Sets whether a timer keeps the process alive. Browsers and Workers have no such setting, nor has the clock of a test.
 */
export const keepAlive = (timer: unknown, yes: boolean): void => {
  const { ref, unref } = Object(timer) as { readonly ref?: () => unknown; readonly unref?: () => unknown }
  ;(yes ? ref : unref)?.call(timer)
}

/**
 * Sleeps by a timer that `begun` receives, so that its user can set by `keepAlive` whether somebody waits for it. A
 * clock that is not the platform's gives no timer.
 */
export const sleep = (clock: Clock.Clock, millis: number, begun: (timer: unknown) => void): Effect.Effect<void> => {
  if (clock !== live) return clock.sleep(Duration.millis(millis))
  return Effect.callback((resume) => {
    const rest = millis > longestTimer ? sleep(clock, millis - longestTimer, begun) : Effect.void
    const timer: unknown = setTimeout(() => resume(rest), Math.min(millis, longestTimer))
    begun(timer)
    return Effect.sync(() => clearTimeout(timer as number))
  })
}

const forNobody = (timer: unknown): void => keepAlive(timer, false)

/** Sleeps for work that nobody waits for, so the sleep does not keep the process alive. */
export const pause = (clock: Clock.Clock, millis: number): Effect.Effect<void> => sleep(clock, millis, forNobody)

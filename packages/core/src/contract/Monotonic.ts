/**
 * The time inside a process. It never steps, whatever happens to the wall clock, so waits, leases, cooldowns and lifetimes
 * in this process are measured by it. It may stand still while the machine is suspended.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type { LocalClock } from "./Adapter.ts"

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

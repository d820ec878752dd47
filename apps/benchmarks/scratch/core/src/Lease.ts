/**
 * A flight's turn at a key: ask, then lead or follow, and ask again until there is an answer.
 *
 * The turn runs once for all callers of this process and knows none of them; it tells them
 * its `Phases` before it lands. It is uninterruptible but for the
 * fetcher and the waits, so that a lease that was granted is always filled or given back.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Acquired, AcquireOptions, Cooling, Hit, Stale } from "./Adapter.ts"
import { CacheGetFailed, type CacheLockingError, LoadCooling } from "./CacheLockingError.ts"
import { Following } from "./Following.ts"
import { lead } from "./Leading.ts"
import type { Policy } from "./Policy.ts"
import { type Landing, loaded, type Restore, type StaleValue, type Turn } from "./Turn.ts"

/** Runs the turn to its landing. */
export const take = <A, E, R>(turn: Turn<A, E, R>): Effect.Effect<Landing<A>, E | CacheLockingError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      const following = new Following(turn, clock)
      return Effect.ensuring(run(turn, following, clock, restore), following.end)
    })
  ) as Effect.Effect<Landing<A>, E | CacheLockingError, R>

/** Loads without a lease and without the store. */
export const bypass = <A, E, R>(turn: Turn<A, E, R>): Effect.Effect<Landing<A>, E, R> => {
  turn.phases.leading()
  turn.counters.loads++
  return Effect.map(turn.fetcher({ key: turn.key, stale: undefined }), (value) => loaded(value, "bypassed"))
}

const run = Effect.fnUntraced(function* (
  turn: Turn<any, any, any>,
  following: Following,
  clock: Clock.Clock,
  restore: Restore
) {
  const { counters, key, phases, policy, sealer } = turn
  let ask: AcquireOptions = { owner: turn.owner, leaseFor: policy.leaseTtl, force: turn.force }
  while (true) {
    const asked = yield* Effect.result(acquire(turn, ask))
    if (Result.isFailure(asked)) {
      if (policy.onAdapterError === "fail") return yield* Effect.fail(asked.failure)
      yield* turn.trouble(asked.failure)
      return yield* restore(bypass(turn))
    }
    const found: Acquired = asked.success
    if (found._tag === "Hit") {
      const opened = yield* sealer.unseal(key, found.value)
      if (opened !== undefined) return hit(opened.value, found, following)
      // What does not decode is as good as absent: lead beside it, or wait for whoever does.
      if (ask.refreshWithin === undefined) ask = { ...ask, refreshWithin: Infinity }
      else yield* following.unreadable(restore)
      continue
    }
    const stale = found.stale && (yield* open(turn, found.stale, clock))
    if (found._tag === "Leader") {
      if (following.led) counters.takeovers++
      const landing = yield* lead(turn, found.token, stale, clock, restore)
      if (landing !== undefined) return landing
      ask = { ...ask, force: false }
      continue
    }
    if (stale !== undefined) phases.stale(stale, found._tag === "Cooling")
    if (found._tag === "Follower") {
      yield* following.wait(found, restore)
      continue
    }
    const verdict = cooling(policy, found, following)
    if (verdict === "fetch") return yield* restore(bypass(turn))
    if (verdict === "fail") return yield* coolingFailure(turn, found)
    phases.following()
    yield* restore(clock.sleep(Duration.millis(Math.ceil(found.retryIn) + 1)))
  }
})

const hit = (value: unknown, { age, freshFor }: Hit, following: Following): Landing<any> => ({
  _tag: "Found",
  value,
  age,
  freshFor,
  followed: following.led
})

/** Asks once more after a failure that may pass: the same owner still leads if only the reply was lost. */
const acquire = (turn: Turn<any, any, any>, ask: AcquireOptions): Effect.Effect<Acquired, CacheGetFailed> =>
  Effect.mapError(
    Effect.catch(turn.adapter.acquire(turn.key, ask), (error) =>
      error.retryable ? turn.adapter.acquire(turn.key, ask) : Effect.fail(error)
    ),
    (cause) => {
      turn.counters.adapterErrors++
      return new CacheGetFailed({
        context: { key: turn.key, phase: "acquire", adapter: turn.adapter.name },
        message: cause.message,
        cause
      })
    }
  )

/** A stale value, decoded; one that cannot be is none. */
const open = (
  { key, sealer }: Turn<any, any, any>,
  stale: Stale,
  clock: Clock.Clock
): Effect.Effect<StaleValue<any> | undefined> =>
  Effect.match(sealer.unseal(key, stale.value), {
    onFailure: () => undefined,
    onSuccess: (opened) =>
      opened && { value: opened.value, age: stale.age, staleFor: stale.staleFor, at: clock.currentTimeMillisUnsafe() }
  })

/** What to do while the key cools down: those who waited for the failed load share its failure. */
const cooling = (policy: Policy, found: Cooling, following: Following): "wait" | "fail" | "fetch" =>
  policy.onCooling === "wait" && (following.led || found.retryIn > policy.waitMax) ? "fail" : policy.onCooling

const coolingFailure = ({ adapter, key, sealer }: Turn<any, any, any>, found: Cooling): Effect.Effect<never, unknown> =>
  Effect.flatMap(sealer.unsealFailure(found.cause), (failure) =>
    failure !== undefined
      ? Effect.fail(failure.error)
      : Effect.fail(
          new LoadCooling({
            context: { key, phase: "acquire", adapter: adapter.name },
            message: "a load of this key failed a moment ago",
            retryIn: found.retryIn
          })
        )
  )

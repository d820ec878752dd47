/**
 * The follower's side of a load: wait for another process's load, woken by the adapter or paced by the wait strategy, and
 * never beyond the end of the leader's lease.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { AdapterError } from "../contract/Adapter.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import type { Pace } from "../options/WaitStrategy.ts"
import type { LoadContext, Restore } from "./LoadContext.ts"

/** After this many wake-ups in one wait the follower polls, because the pushes are false or the leases very short. */
const mostWakes = 3

export class Follower {
  private began: number | undefined = undefined
  private attempt = 0
  private lastDelay = 0
  private wakes = 0
  private pace: Pace | undefined = undefined
  private scope: Scope.Closeable | undefined = undefined
  private subscribing: Fiber.Fiber<void> | undefined = undefined
  private woken: Effect.Effect<void, AdapterError> | undefined = undefined
  /** True when the store was asked after the subscription was live. */
  private askedSinceLive = false
  private pushes: boolean
  private readonly load: LoadContext
  private readonly clock: Clock.Clock

  constructor(load: LoadContext, clock: Clock.Clock) {
    this.load = load
    this.clock = clock
    this.pushes = load.adapter.watch !== undefined
  }

  /** True when the load has met another leader. */
  get hasFollowed(): boolean {
    return this.began !== undefined
  }

  /** Waits until it is worth asking again. */
  wait(leaseEndsIn: number, restore: Restore): Effect.Effect<void> {
    this.load.events.following()
    if (this.began === undefined) {
      this.began = Monotonic.now(this.clock)
      this.load.counters.waits++
    }
    if (this.pushes && this.scope === undefined) {
      const limit = Duration.millis(Math.min(this.load.policy.waitStep, Math.ceil(leaseEndsIn) + 1))
      return Effect.flatMap(this.subscribe, () => this.becomeLive(limit, restore))
    }
    // An answer older than the subscription does not count: the change may have come in between.
    if (this.woken !== undefined && !this.askedSinceLive) {
      this.askedSinceLive = true
      return Effect.void
    }
    return Effect.flatMap(this.pause(leaseEndsIn), (pause) => {
      if (this.woken === undefined) return this.becomeLive(pause, restore)
      const rested = restore(Effect.raceFirst(this.pushed(this.woken), this.sleep(pause)))
      return Effect.flatMap(rested, (pushed) => (pushed ? this.wake : Effect.void))
    })
  }

  private sleep(pause: Duration.Duration): Effect.Effect<boolean> {
    const { events } = this.load
    const millis = Duration.toMillis(pause)
    events.heartbeat(millis)
    return Effect.as(events.sleep(millis), false)
  }

  /**
   * Once the subscription is live the load acquires again, because the change may have come before it. Until then the
   * load polls, so that a subscription that hangs hides no change.
   */
  private becomeLive(pause: Duration.Duration, restore: Restore): Effect.Effect<void> {
    const { subscribing } = this
    const slept = Effect.asVoid(this.sleep(pause))
    const rested = restore(subscribing === undefined ? slept : Effect.raceFirst(Fiber.join(subscribing), slept))
    return Effect.map(rested, () => {
      this.askedSinceLive = this.woken !== undefined
    })
  }

  /** The time to wait for a push, or to sleep without one. */
  private pause(leaseEndsIn: number): Effect.Effect<Duration.Duration> {
    const { adapter, key, policy } = this.load
    this.pace ??= policy.waitStrategy.begin()
    return Effect.flatMap(Random.next, (random) =>
      Effect.map(
        this.pace!({
          key,
          attempt: this.attempt++,
          waited: Monotonic.now(this.clock) - this.began!,
          lastDelay: this.lastDelay,
          leaseEndsIn,
          waitStep: Math.max(policy.waitStep, adapter.pollEvery ?? 0),
          watching: this.woken !== undefined,
          random
        }),
        (given) => {
          const delay = given > 0 ? given : policy.waitStep
          this.lastDelay = delay
          // A millisecond beyond the lease's end: then it is surely over.
          return Duration.millis(Math.max(1, Math.min(delay, Math.ceil(leaseEndsIn) + 1)))
        }
      )
    )
  }

  private pushed(woken: Effect.Effect<void, AdapterError>): Effect.Effect<boolean> {
    return Effect.match(woken, {
      onFailure: () => {
        this.pushes = false
        return true
      },
      onSuccess: () => true
    })
  }

  private get wake(): Effect.Effect<void> {
    if (++this.wakes >= mostWakes) this.pushes = false
    return this.end
  }

  /** Begins to subscribe, in a fiber that ends with the subscription. */
  private get subscribe(): Effect.Effect<void> {
    return Effect.flatMap(Scope.make(), (scope) => {
      this.scope = scope
      const live = Effect.match(Scope.provide(this.load.adapter.watch!(this.load.key), scope), {
        onFailure: () => {
          this.pushes = false
          this.subscribing = undefined
        },
        onSuccess: (woken) => {
          this.woken = woken
        }
      })
      return Effect.map(Effect.forkIn(live, scope), (fiber) => {
        this.subscribing = fiber
      })
    })
  }

  /** Ends the subscription, if there is one. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const scope = this.scope
      this.scope = undefined
      this.subscribing = undefined
      this.woken = undefined
      this.askedSinceLive = false
      return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
    })
  }
}

/**
 * The follower's side of a turn: wait for another's load, woken by the adapter or paced by the
 * strategy, and never beyond the end of the leader's lease.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { AdapterError } from "./Adapter.ts"
import type { Restore, Turn } from "./Turn.ts"
import type { Pace } from "./WaitStrategy.ts"

/** Wake-ups after which the same wait goes on are hints gone wrong, or many short leases: then polling is steadier. */
const mostWakes = 3

/** The subscription, the pace, and how long the wait has lasted. */
export class Following {
  private began: number | undefined = undefined
  private attempt = 0
  private lastDelay = 0
  private wakes = 0
  private pace: Pace | undefined = undefined
  private scope: Scope.Closeable | undefined = undefined
  private woken: Effect.Effect<void, AdapterError> | undefined = undefined
  private pushes: boolean
  private readonly turn: Turn<any, any, any>
  private readonly clock: Clock.Clock

  constructor(turn: Turn<any, any, any>, clock: Clock.Clock) {
    this.turn = turn
    this.clock = clock
    this.pushes = turn.adapter.watch !== undefined
  }

  /** Whether the turn has met another leader. */
  get led(): boolean {
    return this.began !== undefined
  }

  /** Waits until it is worth asking again. */
  wait(leaseEndsIn: number, restore: Restore): Effect.Effect<void> {
    this.turn.phases.following()
    if (this.began === undefined) {
      this.began = this.clock.currentTimeMillisUnsafe()
      this.turn.counters.waits++
    }
    return Effect.flatMap(this.pause(leaseEndsIn), (pause) =>
      this.pushes && this.woken === undefined
        ? this.subscribe(pause, restore)
        : Effect.flatMap(restore(this.sleep(pause)), (pushed) => (pushed ? this.wake : Effect.void))
    )
  }

  /** How long to wait for a push, or to sleep without one. */
  private pause(leaseEndsIn: number): Effect.Effect<Duration.Duration> {
    const { key, policy } = this.turn
    this.pace ??= policy.waitStrategy.begin()
    return Effect.flatMap(Random.next, (random) =>
      Effect.map(
        this.pace!({
          key,
          attempt: this.attempt++,
          waited: this.clock.currentTimeMillisUnsafe() - this.began!,
          lastDelay: this.lastDelay,
          leaseEndsIn,
          waitStep: policy.waitStep,
          watching: this.pushes,
          random
        }),
        (given) => {
          const delay = given > 0 ? given : policy.waitStep
          this.lastDelay = delay
          // A millisecond beyond the end: the lease is then surely over.
          return Duration.millis(Math.max(1, Math.min(delay, Math.ceil(leaseEndsIn) + 1)))
        }
      )
    )
  }

  /** Sleeps, unless a push wakes it; answers whether one did. */
  private sleep(pause: Duration.Duration): Effect.Effect<boolean> {
    const slept = Effect.as(this.clock.sleep(pause), false)
    if (this.woken === undefined) return slept
    const pushed = Effect.match(this.woken, {
      onFailure: () => {
        this.pushes = false
        return true
      },
      onSuccess: () => true
    })
    return Effect.raceFirst(pushed, slept)
  }

  private get wake(): Effect.Effect<void> {
    if (++this.wakes >= mostWakes) this.pushes = false
    return this.end
  }

  /**
   * Once the subscription is live the turn asks again: the change may have come before it. One that fails, or
   * does not become live before it is time to ask anyway, is given up for this turn.
   */
  private subscribe(pause: Duration.Duration, restore: Restore): Effect.Effect<void> {
    return Effect.flatMap(Scope.make(), (scope) => {
      this.scope = scope
      const live = Scope.provide(this.turn.adapter.watch!(this.turn.key), scope)
      const late = Effect.as(this.clock.sleep(pause), undefined)
      return Effect.flatMap(
        Effect.match(restore(Effect.raceFirst(live, late)), {
          onFailure: () => undefined,
          onSuccess: (woken) => woken
        }),
        (woken) => {
          this.woken = woken
          if (woken !== undefined) return Effect.void
          this.pushes = false
          return this.end
        }
      )
    })
  }

  /** Ends the subscription, if there is one. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const scope = this.scope
      this.scope = undefined
      this.woken = undefined
      return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
    })
  }
}

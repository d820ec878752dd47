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
import type { AdapterError, Follower } from "./Adapter.ts"
import type { Restore, Turn } from "./Turn.ts"
import type { Pace } from "./WaitStrategy.ts"

/** The follower's side of a turn: the subscription, the pace, and how long it has lasted. */
export class Following {
  private began: number | undefined = undefined
  private attempt = 0
  private lastDelay = 0
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
  wait(found: Follower, restore: Restore): Effect.Effect<void> {
    this.begin()
    return this.pushes && this.woken === undefined ? this.subscribe(restore) : this.pause(found.leaseEndsIn, restore)
  }

  /** A value that does not decode is under another's refresh, of which nothing is known. */
  unreadable(restore: Restore): Effect.Effect<void> {
    this.begin()
    return this.pause(this.turn.policy.waitStep, restore)
  }

  private begin(): void {
    this.turn.phases.following()
    if (this.began !== undefined) return
    this.began = this.clock.currentTimeMillisUnsafe()
    this.turn.counters.waits++
  }

  /** Once the subscription is live the turn asks again: the change may have come before it. */
  private subscribe(restore: Restore): Effect.Effect<void> {
    return Effect.flatMap(Scope.make(), (scope) => {
      this.scope = scope
      return Effect.match(restore(Scope.provide(this.turn.adapter.watch!(this.turn.key), scope)), {
        onFailure: () => {
          this.pushes = false
        },
        onSuccess: (woken) => {
          this.woken = woken
        }
      })
    })
  }

  private pause(leaseEndsIn: number, restore: Restore): Effect.Effect<void> {
    const { key, policy } = this.turn
    this.pace ??= policy.waitStrategy.begin()
    return Effect.flatMap(Random.next, (random) =>
      Effect.flatMap(
        this.pace!({
          key,
          attempt: this.attempt++,
          waited: this.clock.currentTimeMillisUnsafe() - this.began!,
          lastDelay: this.lastDelay,
          leaseEndsIn,
          waitStep: policy.waitStep,
          watching: this.woken !== undefined,
          random
        }),
        (delay) => {
          this.lastDelay = delay
          // A millisecond beyond the end: the lease is then surely over.
          const sleep = this.clock.sleep(Duration.millis(Math.max(1, Math.min(delay, Math.ceil(leaseEndsIn) + 1))))
          if (this.woken === undefined) return restore(sleep)
          const woken = Effect.match(this.woken, {
            onFailure: () => {
              this.pushes = false
              return true
            },
            onSuccess: () => true
          })
          return Effect.flatMap(restore(Effect.raceFirst(woken, Effect.as(sleep, false))), (pushed) =>
            pushed ? this.end : Effect.void
          )
        }
      )
    )
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

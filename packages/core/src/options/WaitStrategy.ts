/**
 * Wait strategies: the delay before a follower polls again.
 *
 * Every wait is raced with the adapter's `watch` where there is one, and ends with the leader's lease at the latest. A
 * strategy sets the pace of polling. It does not delay a wake-up or a takeover.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Check from "../contract/Check.ts"

/** The state of the wait that a strategy paces. Times are in milliseconds. */
export interface WaitContext {
  readonly key: string
  /** 0 for the first delay, then 1, 2, … */
  readonly attempt: number
  /** Since the flight began to wait. */
  readonly waited: number
  /** The last delay; 0 before the first. */
  readonly lastDelay: number
  /** Until the leader's lease ends, if it is not renewed. */
  readonly leaseEndsIn: number
  /** The option `waitStep`. */
  readonly waitStep: number
  /** True when the adapter pushes. Polling is then only a precaution. */
  readonly watching: boolean
  /** A random number in [0, 1), from Effect's `Random`. */
  readonly random: number
}

/** Returns the next delay of one wait, in milliseconds. */
export type Pace = (context: WaitContext) => Effect.Effect<number>

/** Sets the pace of polling. */
export interface WaitStrategy {
  /** Begins a wait. The pace may keep state for that wait. */
  readonly begin: () => Pace
}

/** The values of the option `waitStrategy`: a strategy, an Effect `Schedule`, or a function of the context. */
export type Input = WaitStrategy | Schedule.Schedule<unknown> | ((context: WaitContext) => Duration.Input)

const stateless = (delay: (context: WaitContext) => number): WaitStrategy => {
  const pace: Pace = (context) => Effect.succeed(delay(context))
  return { begin: () => pace }
}

const bound = (name: string, input: Duration.Input | undefined): number | undefined =>
  input === undefined ? undefined : Check.duration(`waitStrategy.${name}`, input, { infinite: false })

/** The same delay every time. Default `waitStep`. */
export const fixed = (delay?: Duration.Input): WaitStrategy => {
  const given = bound("delay", delay)
  return stateless((context) => given ?? context.waitStep)
}

/** Bounds of a growing delay. */
export interface Growth {
  /** The first delay. Default `waitStep`. */
  readonly from?: Duration.Input | undefined
  /** The longest delay. Default 1 second. */
  readonly max?: Duration.Input | undefined
  /** The factor from each delay to the next. Default 2. */
  readonly factor?: number | undefined
}

const growing = (growth: Growth) => {
  const from = bound("from", growth.from)
  const max = bound("max", growth.max) ?? 1_000
  const factor = Check.number("waitStrategy.factor", growth.factor, { min: 1, default: 2 })
  return (context: WaitContext): number =>
    Math.min(max, (from ?? context.waitStep) * factor ** Math.min(context.attempt, 64))
}

/** Each delay is a multiple of the one before, up to a bound. */
export const exponential = (growth: Growth = {}): WaitStrategy => stateless(growing(growth))

/**
 * Exponential delays, each drawn evenly between its half and its whole, so that followers that began together do not poll
 * together.
 */
export const jittered = (growth: Growth = {}): WaitStrategy => {
  const delay = growing(growth)
  return stateless((context) => delay(context) * (0.5 + context.random / 2))
}

/**
 * Decorrelated jitter: each delay is drawn between the first delay and three times the last one (M. Brooker, "Exponential
 * Backoff and Jitter", AWS Architecture Blog, 2015).
 */
export const decorrelated = (growth: Omit<Growth, "factor"> = {}): WaitStrategy => {
  const from = bound("from", growth.from)
  const max = bound("max", growth.max) ?? 1_000
  return stateless((context) => {
    const first = from ?? context.waitStep
    const last = Math.max(first, context.lastDelay)
    return Math.min(max, first + context.random * (last * 3 - first))
  })
}

/**
 * The default. Where the adapter pushes, the follower waits until the lease ends, unless the push wakes it before.
 * Where the adapter does not push, it polls with `jittered` delays.
 */
export const leaseAware = (growth: Growth = {}): WaitStrategy => {
  const polling = growing(growth)
  return stateless((context) =>
    context.watching ? context.leaseEndsIn : polling(context) * (0.5 + context.random / 2)
  )
}

/** Delays from a function of the context. */
export const custom = (f: (context: WaitContext) => Duration.Input): WaitStrategy =>
  stateless((context) => {
    const given = f(context)
    return typeof given === "number" ? given : Check.duration("waitStrategy", given)
  })

/** Delays from an Effect `Schedule`. When it is done, the wait lasts until the lease ends. */
export const fromSchedule = (schedule: Schedule.Schedule<unknown>): WaitStrategy => ({
  begin: () => {
    let step: ((now: number, input: unknown) => Effect.Effect<[unknown, Duration.Duration], unknown>) | undefined
    return (context) =>
      Effect.clockWith((clock) =>
        Effect.map(
          Effect.exit(
            Effect.flatMap(step ? Effect.succeed(step) : Schedule.toStep(schedule), (next) => {
              step = next as typeof step
              return step!(clock.currentTimeMillisUnsafe(), context)
            })
          ),
          (exit) => (Exit.isSuccess(exit) ? Duration.toMillis(exit.value[1]) : context.leaseEndsIn)
        )
      )
  }
})

/** True when the option accepts the value. */
export const isInput = (input: unknown): input is Input =>
  typeof input === "function" ||
  Schedule.isSchedule(input) ||
  (typeof input === "object" && input !== null && typeof (input as Partial<WaitStrategy>).begin === "function")

/** The strategy that a value of the option stands for. */
export const fromInput = (input: Input): WaitStrategy =>
  typeof input === "function" ? custom(input) : Schedule.isSchedule(input) ? fromSchedule(input) : input

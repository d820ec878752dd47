import * as Effect from "effect/Effect"
import { type Adapter, AdapterError, type Operation } from "../../src/contract/Adapter.ts"
import { eachVerb, type Verb } from "./EachVerb.ts"

/** The fault of a call:
 *
 * - `"fail"`: it never reaches the store, and asking again may help
 * - `"throttle"`: the store refuses it, and asks for a pause of 200 ms
 * - `"busy"`: the store refuses it, and asking again at once may help: it is not down
 * - `"reject"`: the store refuses it, for good
 * - `"lose"`: it is done, and the reply is lost
 * - `"hang"`: it never reaches the store, and never settles
 * - `"loseAndHang"`: it is done, and never settles
 * - `"throw"`: the adapter has a bug
 * - an effect: runs before it
 */
export type Fault =
  | "fail"
  | "throttle"
  | "busy"
  | "reject"
  | "lose"
  | "hang"
  | "loseAndHang"
  | "throw"
  | Effect.Effect<unknown>

/** The fault of the n-th call (from 1) of each verb; none where none is given. */
export type Faults = { readonly [V in Verb]?: ReadonlyArray<Fault | undefined> | ((n: number) => Fault | undefined) }

/** The error of a backend that fails. */
export const down = (operation: Operation, reason: "Unavailable" | "Rejected" = "Unavailable"): AdapterError =>
  new AdapterError({ adapter: "faulty", operation, key: "k", reason, message: "the store is down" })

const throttled = (operation: Operation, retryAfter = 200): AdapterError =>
  new AdapterError({ ...down(operation), message: "the store is busy", retryAfter })

/** An adapter with faults. */
export const faulty = (adapter: Adapter, faults: Faults): Adapter => {
  const counts = new Map<Verb, number>()
  return eachVerb(adapter, ({ effect, verb }) =>
    Effect.suspend(() => {
      const n = (counts.get(verb) ?? 0) + 1
      counts.set(verb, n)
      const given = faults[verb]
      const fault = typeof given === "function" ? given(n) : given?.[n - 1]
      switch (fault) {
        case undefined:
          return effect
        case "fail":
          return Effect.fail(down(verb))
        case "throttle":
          return Effect.fail(throttled(verb))
        case "busy":
          return Effect.fail(throttled(verb, 0))
        case "reject":
          return Effect.fail(down(verb, "Rejected"))
        case "lose":
          return Effect.andThen(effect, Effect.fail(down(verb)))
        case "hang":
          return Effect.never
        case "loseAndHang":
          return Effect.andThen(effect, Effect.never)
        case "throw":
          return Effect.die(new Error("a bug in the adapter"))
        default:
          return Effect.andThen(fault, effect)
      }
    })
  )
}

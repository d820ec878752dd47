/**
 * The context that the platform keeps beside running code: the values of every `AsyncLocalStorage`, and with them the load
 * that the code is part of.
 *
 * A fiber keeps its context by itself. A step that a queue, a timer or another caller's fiber begins on behalf of a
 * call would run in their context. So the call's context is captured when the call is made, and entered for the step.
 */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import { type Flight, Within } from "./Flight.ts"

interface AsyncStorage {
  readonly getStore: () => Flight | undefined
  readonly run: <A>(flight: Flight | undefined, f: () => A) => A
}

/** A context that was captured. `undefined` where the platform has no `AsyncLocalStorage`. */
export type Captured =
  | { readonly runInAsyncScope: (f: () => void) => void; readonly emitDestroy?: () => unknown }
  | undefined

const hooks = (() => {
  const { process } = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } }
  return process?.getBuiltinModule?.("node:async_hooks") as
    | {
        readonly AsyncLocalStorage: new () => AsyncStorage
        readonly AsyncResource: new (type: string) => NonNullable<Captured>
      }
    | undefined
})()

/** Follows a promise chain back to its fetcher. Absent where the platform has no `AsyncLocalStorage`. */
export const storage: AsyncStorage | undefined = hooks && new hooks.AsyncLocalStorage()

/** Captures the context of the running code. */
export const capture = (): Captured => hooks && new hooks.AsyncResource("cache-locking/Call")

/** Runs a step in a captured context. */
export const enter = (captured: Captured, step: () => void): void => {
  if (captured === undefined) step()
  else captured.runInAsyncScope(step)
}

/** Notifies observers of the platform's contexts that this one is not entered again. */
export const release = (captured: Captured): void => {
  captured?.emitDestroy?.()
}

/** A step that runs later, once, in the context of the code that binds it. */
export const bind = (step: () => void): (() => void) => {
  const captured = capture()
  return () => {
    release(captured)
    enter(captured, step)
  }
}

/** The flight whose fetcher a fiber runs, or whose fetcher's promise chain started the fiber; given its context. */
export const withinOf = (context: Context.Context<never>): Flight | undefined =>
  Context.get(context, Within) ?? storage?.getStore()

/** The flight whose fetcher the running code belongs to. */
export const withinNow = (): Flight | undefined => storage?.getStore() ?? Fiber.getCurrent()?.getRef(Within)

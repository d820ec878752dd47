/**
 * Which load a caller is inside of, however it got there: through fibers, through promises, or from one to the other.
 */
import * as Fiber from "effect/Fiber"
import { type Flight, Within } from "./Flight.ts"

interface AsyncStorage {
  readonly getStore: () => Flight | undefined
  readonly run: <A>(flight: Flight | undefined, f: () => A) => A
}

/**
 * Follows a promise chain back to the fetcher that it belongs to, so that a fetcher which asks for its own
 * key is told rather than left waiting for itself. Where the platform has no such thing, it is not told.
 */
export const storage: AsyncStorage | undefined = (() => {
  const { process } = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } }
  const hooks = process?.getBuiltinModule?.("node:async_hooks") as
    | { readonly AsyncLocalStorage: new () => AsyncStorage }
    | undefined
  return hooks && new hooks.AsyncLocalStorage()
})()

/** The flight whose fetcher a fiber runs, or whose fetcher's promise chain the fiber was started from. */
export const withinOf = (fiber: Fiber.Fiber<unknown, unknown>): Flight | undefined =>
  fiber.getRef(Within) ?? storage?.getStore()

/** The flight whose fetcher the running code belongs to. */
export const withinNow = (): Flight | undefined => storage?.getStore() ?? Fiber.getCurrent()?.getRef(Within)

/**
 * The load that the running code is part of, through fibers, through promises, or both. A fetcher that asks for its own
 * key is then refused instead of waiting for itself.
 */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import { type Flight, Within } from "./Flight.ts"

interface AsyncStorage {
  readonly getStore: () => Flight | undefined
  readonly run: <A>(flight: Flight | undefined, f: () => A) => A
}

/** Follows a promise chain back to its fetcher. Absent where the platform has no `AsyncLocalStorage`. */
export const storage: AsyncStorage | undefined = (() => {
  const { process } = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } }
  const hooks = process?.getBuiltinModule?.("node:async_hooks") as
    | { readonly AsyncLocalStorage: new () => AsyncStorage }
    | undefined
  return hooks && new hooks.AsyncLocalStorage()
})()

/** The flight whose fetcher a fiber runs, or whose fetcher's promise chain started the fiber; given its context. */
export const withinOf = (context: Context.Context<never>): Flight | undefined =>
  Context.get(context, Within) ?? storage?.getStore()

/** The flight whose fetcher the running code belongs to. */
export const withinNow = (): Flight | undefined => storage?.getStore() ?? Fiber.getCurrent()?.getRef(Within)

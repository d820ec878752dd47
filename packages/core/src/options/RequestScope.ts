/**
 * The scope of work: a whole process, or one request.
 *
 * On Cloudflare Workers a timer, a connection and a promise belong to the request that made them. They end with its answer,
 * or when its client leaves, unless `waitUntil` keeps them alive. And one request must not settle a promise that another
 * awaits.
 */
import type * as Fiber from "effect/Fiber"
import * as Check from "../contract/Check.ts"

/** The scope that work belongs to. */
export interface RequestScope {
  /** True when work may go on in the background. */
  readonly allowsBackground: boolean
  /** True when the scope is a request, whose work no other request may touch. */
  readonly isRequest: boolean
  /** Keeps the work of a fiber alive until it ends. */
  readonly waitUntil: (fiber: Fiber.Fiber<unknown, unknown>) => void
}

/** Keeps the work of a request alive: `(work) => ctx.waitUntil(work)`. */
export type WaitUntil = (work: Promise<unknown>) => void

const nothing = (): void => {}

/** The scope of a process, which outlives its requests. */
export const ofProcess: RequestScope = { allowsBackground: true, isRequest: false, waitUntil: nothing }

/** The scope of an unknown request. */
const ofSomeRequest: RequestScope = { allowsBackground: false, isRequest: true, waitUntil: nothing }

/** The scope without `waitUntil`: on Workers that of an unknown request, elsewhere that of the process. */
export const ofPlatform = (): RequestScope => (onWorkers() ? ofSomeRequest : ofProcess)

/**
 * True when the scopes may be of different requests. An equal `waitUntil` proves nothing: that of the module
 * `cloudflare:workers` is one function for all requests, and one cache may serve them all.
 */
export const mayDiffer = (one: RequestScope, other: RequestScope): boolean => one.isRequest || other.isRequest

/** The signs of Cloudflare Workers. A flag takes the first away, and so does code that assigns `navigator`. */
interface Signs {
  readonly navigator?: { readonly userAgent?: string }
  readonly WebSocketPair?: unknown
  readonly caches?: { readonly default?: unknown }
}

const showsWorkers = (): boolean => {
  const { caches, navigator, WebSocketPair } = globalThis as Signs
  return (
    navigator?.userAgent === "Cloudflare-Workers" ||
    typeof WebSocketPair === "function" ||
    typeof caches?.default === "object"
  )
}

/** Read before any other code can hide a sign. */
const beganOnWorkers = showsWorkers()

/** True on Cloudflare Workers, where a waiter and the work it waits for may belong to different requests. */
export const onWorkers = (): boolean => beganOnWorkers || showsWorkers()

/** The functions that were seen to work. */
const working = new WeakSet<WaitUntil>()

/**
 * The scope of the request that `waitUntil` keeps alive. It is bounded by that request wherever this runs: a caller
 * that gives a `waitUntil` says that work ends with a request.
 *
 * @throws InvalidOption when it is no function, or one that does not work without the object that it is a method of
 */
export const ofRequest = (waitUntil: WaitUntil): RequestScope => {
  const accepted = "a function such as (work) => ctx.waitUntil(work)"
  if (typeof waitUntil !== "function") throw Check.invalid("waitUntil", waitUntil, accepted)
  if (!working.has(waitUntil)) {
    try {
      Check.silence(waitUntil(Promise.resolve()))
      working.add(waitUntil)
    } catch (error) {
      // That of `cloudflare:workers` throws another error where there is no request, as in a module's own scope.
      if (error instanceof TypeError) throw Check.invalid("waitUntil", "a function that throws", accepted)
    }
  }
  return { allowsBackground: true, isRequest: true, waitUntil: (fiber) => keep(waitUntil, fiber) }
}

const keep = (waitUntil: WaitUntil, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const { promise, resolve } = Promise.withResolvers<void>()
  fiber.addObserver(() => resolve())
  try {
    Check.silence(waitUntil(promise))
  } catch {
    // The request is over. Its work may be cut off, and then the lease ends by itself.
  }
}

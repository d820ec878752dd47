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

/** The scope of a process that goes on. */
export const ofProcess: RequestScope = { allowsBackground: true, isRequest: false, waitUntil: nothing }

/** The scope of an unknown request. */
const ofSomeRequest: RequestScope = { allowsBackground: false, isRequest: true, waitUntil: nothing }

/** The scope without `waitUntil`: on Workers that of an unknown request, elsewhere that of the process. */
export const ofPlatform = (): RequestScope => (onWorkers() ? ofSomeRequest : ofProcess)

/** True when the scopes may be of different requests. */
export const inDifferentRequests = (one: RequestScope, other: RequestScope): boolean =>
  (one.isRequest || other.isRequest) && (one !== other || one === ofSomeRequest)

/** True on Cloudflare Workers, where a waiter and the work it waits for may belong to different requests. */
export const onWorkers = (): boolean =>
  (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === "Cloudflare-Workers"

const requests = new WeakMap<WaitUntil, RequestScope>()

/**
 * The scope of the request that has this `waitUntil`. The same function gives the same scope.
 *
 * @throws InvalidOption when it is no function, or one that does not work without the object that it is a method of
 */
export const ofRequest = (waitUntil: WaitUntil): RequestScope => {
  const accepted = "a function such as (work) => ctx.waitUntil(work)"
  if (typeof waitUntil !== "function") throw Check.invalid("waitUntil", waitUntil, accepted)
  const known = requests.get(waitUntil)
  if (known !== undefined) return known
  try {
    Check.silence(waitUntil(Promise.resolve()))
  } catch {
    throw Check.invalid("waitUntil", "a function that throws", accepted)
  }
  const scope: RequestScope = {
    allowsBackground: true,
    isRequest: onWorkers(),
    waitUntil: (fiber) => keep(waitUntil, fiber)
  }
  requests.set(waitUntil, scope)
  return scope
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

/**
 * How long work may go on: as long as the process, or no longer than one request.
 *
 * On Cloudflare Workers a timer, a connection and a promise belong to the request that made them. They end with its answer, or
 * when its client leaves, unless `waitUntil` keeps them; and what one request waits for is not to be settled by another.
 */
import type * as Fiber from "effect/Fiber"
import * as Check from "../contract/Check.ts"

/** What keeps work alive. */
export interface RequestScope {
  /** Whether work may go on for which nobody waits. */
  readonly allowsBackground: boolean
  /** Whether it is that of a request, whose work no other is to touch. */
  readonly isRequest: boolean
  /** Keeps what a fiber does alive to its end. */
  readonly waitUntil: (fiber: Fiber.Fiber<unknown, unknown>) => void
}

/** Keeps a request's work alive: `(work) => ctx.waitUntil(work)`. */
export type WaitUntil = (work: Promise<unknown>) => void

const nothing = (): void => {}

/** Of a process that goes on. */
export const ofProcess: RequestScope = { allowsBackground: true, isRequest: false, waitUntil: nothing }

/** Of a request of which nothing is known. */
const ofSomeRequest: RequestScope = { allowsBackground: false, isRequest: true, waitUntil: nothing }

/** Without `waitUntil`: on Workers some request's, elsewhere the process's. */
export const ofPlatform = (): RequestScope => (onWorkers() ? ofSomeRequest : ofProcess)

/** Whether these may be lives of different requests. */
export const inDifferentRequests = (one: RequestScope, other: RequestScope): boolean =>
  (one.isRequest || other.isRequest) && (one !== other || one === ofSomeRequest)

/** Whether what waits and what it waits for may belong to different requests. */
export const onWorkers = (): boolean =>
  (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === "Cloudflare-Workers"

const requests = new WeakMap<WaitUntil, RequestScope>()

/**
 * Of the request whose `waitUntil` this is: the same for the same function.
 *
 * @throws InvalidOption when it is none, or does not work without the object that it is a method of
 */
export const ofRequest = (waitUntil: WaitUntil): RequestScope => {
  const accepted = "a function such as (work) => ctx.waitUntil(work)"
  if (typeof waitUntil !== "function") throw Check.invalid("waitUntil", waitUntil, accepted)
  const known = requests.get(waitUntil)
  if (known !== undefined) return known
  try {
    waitUntil(Promise.resolve())
  } catch {
    throw Check.invalid("waitUntil", "a function that throws", accepted)
  }
  const life: RequestScope = {
    allowsBackground: true,
    isRequest: onWorkers(),
    waitUntil: (fiber) => keep(waitUntil, fiber)
  }
  requests.set(waitUntil, life)
  return life
}

const keep = (waitUntil: WaitUntil, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const { promise, resolve } = Promise.withResolvers<void>()
  fiber.addObserver(() => resolve())
  try {
    waitUntil(promise)
  } catch {
    // The request is over. What was begun may be cut off, and then its lease ends by itself.
  }
}

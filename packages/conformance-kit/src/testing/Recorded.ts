/** The cost of calls: the requests that they send to a backend. */
import type * as Effect from "effect/Effect"
import { run } from "./Calls.ts"

/** A log of requests, such as a proxy keeps. */
export interface RequestLog<Request> {
  readonly commands: () => ReadonlyArray<Request>
  readonly resetCommands: () => void
}

/** Requests by name, in the order in which they were sent. */
export interface Recorded {
  /** The requests since the last call of this function. */
  readonly take: () => ReadonlyArray<string>
  /** The requests of one call. */
  readonly of: (call: Effect.Effect<unknown, unknown>) => Promise<ReadonlyArray<string>>
}

/**
 * Reads a log of requests by name, for tests of the cost of calls.
 *
 * ```ts
 * import { ask, type RequestLog, recorded } from "@cache-locking/conformance-kit/testing"
 * import type { Adapter } from "@cache-locking/core"
 *
 * declare const adapter: Adapter
 * declare const proxy: RequestLog<{ readonly name: string }>
 *
 * const sent = recorded(proxy)
 * console.log(await sent.of(adapter.acquire("key", ask("me")))) // [ 'GET' ]
 * ```
 *
 * @param nameOf names a request, or returns `undefined` for one that the client sends by itself
 */
export const recorded = <Request extends { readonly name: string }>(
  log: RequestLog<Request>,
  nameOf: (request: Request) => string | undefined = ({ name }) => name
): Recorded => {
  const take = (): ReadonlyArray<string> => {
    const names = log.commands().flatMap((request) => nameOf(request) ?? [])
    log.resetCommands()
    return names
  }
  return {
    take,
    of: async (call) => {
      log.resetCommands()
      await run(call)
      return take()
    }
  }
}

/**
 * Access to a namespace: directly in the primary, over a link everywhere else.
 */
import cluster from "node:cluster"
import { isMainThread, parentPort } from "node:worker_threads"
import { Check } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Listings } from "../primary/Listings.ts"
import { bootstrap, ofProcess, type Primary } from "../primary/Primary.ts"
import { reasonOf } from "../primary/Refused.ts"
import type { Space } from "../primary/Space.ts"
import { boundsOf, nameOf, type SpaceBounds, type SpaceOptions } from "../primary/SpaceOptions.ts"
import { isOfHolder } from "../primary/Verbs.ts"
import { isPort, type PortLike, portOf } from "../wire/Ports.ts"
import { ClusterError } from "./ClusterError.ts"
import { Link, type Subscriber } from "./Link.ts"
import type { CallHandlers } from "./PendingCalls.ts"

/** The place of a namespace, and the bound of a call. */
export interface SpaceClientOptions {
  /** The name of the namespace, up to 1,024 characters. Default `"cache"`. */
  readonly namespace?: string | undefined
  /**
   * The bounds of the namespace. The first to open it decides. Other options are then refused; without options, any
   * bounds are accepted.
   */
  readonly space?: SpaceOptions | undefined
  /** The longest that a call may take. Default 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /**
   * The channel to the primary: a `MessagePort` in a thread, `process` in a child. Neither the primary nor a worker of
   * `node:cluster` needs it.
   */
  readonly port?: PortLike | undefined
}

export const clientOptionNames = ["namespace", "space", "commandTimeout", "port"] as const

/** The verbs of one namespace. */
export interface SpaceClient {
  /** The same object for the same namespace of the same primary. */
  readonly identity: object
  /** Calls a verb. `late` gets a result that comes after the call was interrupted or timed out. */
  readonly call: <A>(
    verb: string,
    args: ReadonlyArray<unknown>,
    late?: (result: A) => void
  ) => Effect.Effect<A, ClusterError>
  /**
   * Calls a verb that subscribes; its last argument is the number of the subscription. Returns the function that
   * unsubscribes.
   */
  readonly subscribe: (
    verb: string,
    args: ReadonlyArray<unknown>,
    subscriber: Subscriber
  ) => Effect.Effect<() => void, ClusterError>
  /** Destroys the namespace, whatever its options. Returns the number of values that it had. */
  readonly destroy: Effect.Effect<number, ClusterError>
  /** Only in the primary: `call` at once, and without a copy of the kept value. May throw any error. */
  readonly callSync?: ((verb: string, args: ReadonlyArray<unknown>) => unknown) | undefined
  /** Only elsewhere: `call` without an Effect. */
  readonly callUnsafe?: ((verb: string, args: ReadonlyArray<unknown>, handlers: CallHandlers) => void) | undefined
  /** Only elsewhere: leaves no timer behind, unless a call still waits. */
  readonly rest?: (() => void) | undefined
}

const defaultTimeout = 2_000

const links = new WeakMap<object, Link>()
const identities = new WeakMap<object, Map<string, object>>()

const identityOf = (owner: object, name: string): object => {
  const names = identities.get(owner) ?? new Map<string, object>()
  identities.set(owner, names)
  const identity = names.get(name) ?? {}
  names.set(name, identity)
  return identity
}

/** The one link of this process over a port, however many adapters use it. */
const linkOf = (port: PortLike): Link => {
  const link = links.get(port) ?? new Link(portOf(port))
  links.set(port, link)
  return link
}

/** The link over a port, if there is one, for its figures. */
export const linkOver = (port: PortLike): Link | undefined => links.get(port)

const placeOf = (port: PortLike | undefined): Link | Primary => {
  if (port !== undefined) {
    if (!isPort(port)) throw Check.invalid("port", typeof port, "a MessagePort, or a process with an IPC channel")
    return linkOf(port)
  }
  const primary = ofProcess()
  if (primary !== undefined) return primary
  if (cluster.isWorker) return linkOf(process)
  // A primary here would silently give each thread a cache of its own.
  if (!isMainThread) {
    const hint = parentPort === null ? "" : ": a MessagePort whose other end the primary serves"
    throw Check.invalid("port", port, `a port, in a worker thread${hint}`)
  }
  return bootstrap()
}

/**
 * Gives access to a namespace.
 *
 * @throws InvalidOption. A namespace that is open with other options fails the calls instead.
 */
export const open = (options: SpaceClientOptions): SpaceClient => {
  const name = nameOf(options.namespace)
  const timeout = Check.commandTimeout(options, defaultTimeout)
  const bounds = options.space === undefined ? undefined : boundsOf(options.space)
  const place = placeOf(options.port)
  return place instanceof Link ? remote(place, name, bounds, timeout) : direct(place, name, bounds)
}

const remote = (link: Link, name: string, bounds: SpaceBounds | undefined, timeout: number): SpaceClient => {
  const handle = link.open(name, bounds)
  const call = <A>(
    verb: string,
    args: ReadonlyArray<unknown>,
    late?: (result: A) => void
  ): Effect.Effect<A, ClusterError> =>
    Effect.callback((resume) => {
      const cancel = link.call(handle, verb, args, timeout, {
        succeeded: (result) => resume(Effect.succeed(result)),
        failed: (error) => resume(Effect.fail(error)),
        late
      })
      return Effect.sync(cancel)
    })
  return {
    identity: identityOf(link, name),
    call,
    destroy: Effect.suspend(() => call<number>("destroy", [])),
    callUnsafe: (verb, args, handlers) => void link.call(handle, verb, args, timeout, handlers),
    rest: () => link.rest(),
    subscribe: (verb, args, subscriber) =>
      Effect.suspend(() => {
        const id = link.subscribe(subscriber)
        const end = () => link.unsubscribe(id)
        return call(verb, [...args, id], end).pipe(
          Effect.as(end),
          Effect.onExit((exit) => Effect.sync(() => exit._tag === "Failure" && end()))
        )
      })
  }
}

const direct = (primary: Primary, name: string, bounds: SpaceBounds | undefined): SpaceClient => {
  let space: Space | undefined
  const spaceFor = (verb: string): Space => {
    if (space?.destroyed && isOfHolder(verb)) return space
    if (space === undefined || space.closed) space = primary.space(name, bounds)
    return space
  }
  const caller = { link: "", subscribe: () => {}, listings: new Listings() }
  const attempt = <A>(f: () => A): Effect.Effect<A, ClusterError> =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(f())
      } catch (error) {
        return Effect.fail(new ClusterError(reasonOf(error)))
      }
    })
  return {
    identity: identityOf(primary, name),
    call: (verb, args) => attempt(() => copied(primary.run(spaceFor(verb), verb, copied(args), caller)) as never),
    callSync: (verb, args) => primary.run(spaceFor(verb), verb, args, caller),
    destroy: attempt(() => primary.destroy(name)),
    subscribe: (verb, args, subscriber) =>
      attempt(() => {
        let end = () => {}
        primary.run(spaceFor(verb), verb, [...args, 0], {
          ...caller,
          subscribe: (_, begin) => {
            end = begin(subscriber)
          }
        })
        return end
      })
  }
}

/** Copies bytes both ways, as a channel does: a caller that changes a value must not change the kept one. */
const copied = <A>(part: A): A => {
  if (typeof part !== "object" || part === null) return part
  if (part instanceof Uint8Array) return new Uint8Array(part) as A
  if (Array.isArray(part)) return part.map(copied) as A
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, copied(value)])) as A
}

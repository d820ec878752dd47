/**
 * A namespace as a process reaches it: the primary directly, everyone else over a link.
 */
import cluster from "node:cluster"
import { isMainThread, parentPort } from "node:worker_threads"
import { Check } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { bootstrap, ofProcess, type Primary } from "../primary/Primary.ts"
import { Refused, type Space } from "../primary/Space.ts"
import { boundsOf, type SpaceOptions } from "../primary/SpaceOptions.ts"
import { run, type Scan } from "../primary/Verbs.ts"
import { isPort, type PortLike, portOf } from "../wire/Ports.ts"
import { ClusterError, ofFault } from "./ClusterError.ts"
import { type Asker, Link, type Subscriber } from "./Link.ts"

/** Where a namespace is, and how long a call may take. */
export interface SpaceClientOptions {
  /** Which namespace. Default `"cache"`. */
  readonly namespace?: string | undefined
  /**
   * How the namespace keeps its values. Whoever opens it first decides; options that are given and differ from those are
   * refused, and none are asked of those who give none.
   */
  readonly space?: SpaceOptions | undefined
  /** How long a call may take. Default 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /**
   * The channel to the primary: a `MessagePort` in a thread, `process` in a child. Neither the primary nor a worker of
   * `node:cluster` needs it.
   */
  readonly port?: PortLike | undefined
}

export const clientOptionNames = ["namespace", "space", "commandTimeout", "port"] as const

/** One namespace. */
export interface SpaceClient {
  /** The same object for the same namespace of the same primary. */
  readonly identity: object
  readonly call: <A>(
    verb: string,
    args: ReadonlyArray<unknown>,
    late?: (answer: A) => void
  ) => Effect.Effect<A, ClusterError>
  /** Subscribes under a number that `verb` is called with. */
  readonly subscribe: (
    verb: string,
    args: ReadonlyArray<unknown>,
    subscriber: Subscriber
  ) => Effect.Effect<() => void, ClusterError>
  /**
   * Present in the primary: the same as `call`, at once, and what is kept is not copied. Throws what a call fails with, or
   * anything.
   */
  readonly now?: ((verb: string, args: ReadonlyArray<unknown>) => unknown) | undefined
  /** Present elsewhere: the same as `call`, for those who need no Effect. */
  readonly ask?: ((verb: string, args: ReadonlyArray<unknown>, asker: Asker) => void) | undefined
  /** A number that no other listing of this process has. */
  readonly number: () => number
}

const timeoutDefault = 2_000

const links = new WeakMap<object, Link>()
const identities = new WeakMap<object, Map<string, object>>()

const identityOf = (owner: object, name: string): object => {
  const names = identities.get(owner) ?? new Map<string, object>()
  identities.set(owner, names)
  const identity = names.get(name) ?? {}
  names.set(name, identity)
  return identity
}

/** The link of this process over a port: one, however many adapters. */
const linkOf = (given: PortLike): Link => {
  const known = links.get(given)
  if (known !== undefined) return known
  const link = new Link(portOf(given))
  links.set(given, link)
  return link
}

/** The link over a port, for what it has seen. */
export const linkOver = (given: PortLike): Link | undefined => links.get(given)

const placeOf = (port: PortLike | undefined): Link | Primary => {
  if (port !== undefined) {
    if (!isPort(port)) throw Check.invalid("port", typeof port, "a MessagePort, or a process with an IPC channel")
    return linkOf(port)
  }
  const here = ofProcess()
  if (here !== undefined) return here
  if (cluster.isWorker) return linkOf(process)
  // Each thread would have a cache of its own, and nobody would know.
  if (!isMainThread) {
    const hint = parentPort === null ? "" : ": a MessagePort whose other end the primary serves"
    throw Check.invalid("port", port, `a port, in a worker thread${hint}`)
  }
  return bootstrap()
}

/**
 * Reaches a namespace.
 *
 * @throws InvalidOption. That the namespace is open with other options is the answer of its calls.
 */
export const open = (options: SpaceClientOptions): SpaceClient => {
  const name = Check.text("namespace", options.namespace, "cache")
  const timeout = Check.duration("commandTimeout", options.commandTimeout ?? timeoutDefault, {
    min: 1,
    infinite: false
  })
  const bounds = options.space === undefined ? undefined : boundsOf(options.space)
  const place = placeOf(options.port)
  return place instanceof Link ? remote(place, name, bounds, timeout) : direct(place, name, bounds)
}

let numbers = 0
const number = (): number => ++numbers

const remote = (link: Link, name: string, bounds: object | undefined, timeout: number): SpaceClient => {
  const handle = link.open(name, bounds)
  const call = <A>(
    verb: string,
    args: ReadonlyArray<unknown>,
    late?: (answer: A) => void
  ): Effect.Effect<A, ClusterError> =>
    Effect.callback((resume) => {
      const giveUp = link.ask(handle, verb, args, timeout, {
        done: (answer) => resume(Effect.succeed(answer)),
        failed: (error) => resume(Effect.fail(error)),
        late
      })
      return Effect.sync(giveUp)
    })
  return {
    identity: identityOf(link, name),
    ask: (verb, args, asker) => void link.ask(handle, verb, args, timeout, asker),
    call,
    subscribe: (verb, args, subscriber) =>
      Effect.suspend(() => {
        const id = link.subscribe(subscriber)
        const end = () => link.unsubscribe(id)
        return call(verb, [...args, id], end).pipe(
          Effect.as(end),
          Effect.onExit((exit) => Effect.sync(() => exit._tag === "Failure" && end()))
        )
      }),
    number
  }
}

const direct = (primary: Primary, name: string, bounds: ReturnType<typeof boundsOf> | undefined): SpaceClient => {
  let known: Space | undefined
  const spaceOf = (): Space => {
    if (known === undefined || known.closed) known = primary.space(name, bounds)
    return known
  }
  const scans = new Map<number, Scan>()
  const attempt = <A>(f: () => A): Effect.Effect<A, ClusterError> =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(f())
      } catch (error) {
        const refused = error instanceof Refused
        const message = "the primary broke at it"
        return Effect.fail(
          refused
            ? ofFault({ reason: error.reason, message: error.message })
            : new ClusterError({ reason: "Failed", message, cause: error })
        )
      }
    })
  const asker = { link: "", subscribe: () => {}, scans }
  return {
    identity: identityOf(primary, name),
    now: (verb, args) => run(spaceOf(), verb, args, asker),
    call: (verb, args) => attempt(() => copied(run(spaceOf(), verb, copied(args), asker)) as never),
    subscribe: (verb, args, subscriber) =>
      attempt(() => {
        let end = () => {}
        run(spaceOf(), verb, [...args, 0], {
          ...asker,
          subscribe: (_, begin) => {
            end = begin(subscriber.told)
          }
        })
        return end
      }),
    number
  }
}

/** Bytes of one's own, on both ways, as a channel gives: whoever changes a value does not change what is kept. */
const copied = <A>(part: A): A => {
  if (typeof part !== "object" || part === null) return part
  if (part instanceof Uint8Array) return new Uint8Array(part) as A
  if (Array.isArray(part)) return part.map(copied) as A
  const copy: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(part)) copy[name] = copied(value)
  return copy as A
}

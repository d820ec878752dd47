/** Opens one adapter on one backend for the conformance kit. */
import type { Claims, Setup, Stall } from "@cache-locking/conformance-kit"
import {
  type Controls,
  FaultProxy,
  type FaultProxyOptions,
  orUnavailable,
  Unavailable
} from "@cache-locking/test-servers"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The backend is not available on this machine. Nothing was tested, and the table says so. */
export class NotRun extends Data.TaggedError("NotRun")<{ readonly reason: string }> {}

/** The server that an adapter was tested on. */
export interface ServerFacts {
  readonly name: string
  readonly version: string
  /** `"environment"`, `"path"`, `"installed"` or `"unpacked"`. */
  readonly how: string
}

export interface Opened {
  readonly setup: Setup
  /** `undefined` where there is no server. */
  readonly server: ServerFacts | undefined
}

export interface AdapterSetup {
  /** The name in the table. */
  readonly title: string
  /** The package of the adapter. */
  readonly package: string
  /** Starts the servers that it needs, for as long as the scope. */
  readonly open: Effect.Effect<Opened, NotRun, Scope.Scope>
}

/** Setups by name. */
export interface AdapterSetups {
  readonly [name: string]: AdapterSetup
}

/** The claims of an adapter that has no optional member. */
export const noClaims = {
  watch: false,
  keys: false,
  changes: false,
  acquireMany: false,
  deleteMany: false,
  hitUnsafe: false,
  close: false
} satisfies Omit<Claims, "clock">

/** Something that is open for as long as the scope. */
export const scoped = <A>(
  open: () => A | Promise<A>,
  close: (opened: A) => unknown
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => open()),
    (opened) => Effect.promise(async () => void (await close(opened)))
  )

/** A server for as long as the scope. */
export const serving = <A extends Controls>(start: () => Promise<A>): Effect.Effect<A, NotRun, Scope.Scope> =>
  Effect.flatMap(
    scoped(
      () => orUnavailable(start()),
      (server) => (server instanceof Unavailable ? undefined : server.stop())
    ),
    (server) => (server instanceof Unavailable ? new NotRun({ reason: server.message }) : Effect.succeed(server))
  )

export const factsOf = (server: Controls, name: string): ServerFacts => ({
  name,
  version: server.origin.version,
  how: server.origin.how
})

/** Milliseconds within which a verb settles. Well beyond the adapters' default timeout of two seconds. */
const settlesWithin = 10_000

/** A backend that is silent while the scope lasts. */
export const stallOf = (begin: () => unknown, end: () => unknown, within = settlesWithin): Stall => ({
  begin: Effect.asVoid(scoped(begin, end)),
  within
})

interface ProxyOptions extends Pick<FaultProxyOptions, "reader"> {
  /** Milliseconds by which every reply is late. */
  readonly delay?: number
  readonly within?: number
}

/** A proxy before a server, for as long as the scope: its replies are late, and it can fall silent. */
export const proxied = (
  target: FaultProxyOptions["target"],
  { delay = 0, within, ...options }: ProxyOptions = {}
): Effect.Effect<{ readonly url: string; readonly stall: Stall }, never, Scope.Scope> =>
  Effect.map(
    scoped(
      () => FaultProxy.start({ target, ...options }),
      (proxy) => proxy.stop()
    ),
    (proxy) => {
      proxy.delay(delay)
      const end = async () => {
        await proxy.heal()
        proxy.delay(delay)
      }
      return { url: proxy.url(), stall: stallOf(() => proxy.blackhole(), end, within) }
    }
  )

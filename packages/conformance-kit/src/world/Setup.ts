/** The setup for the kit: a name, two peers on one backend, and claims. */
import { type Adapter, Adapter as AdapterService } from "@cache-locking/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Claims } from "./Claims.ts"

/** Two adapters that reach the same keys of one backend, as two processes would. */
export interface Peers {
  readonly here: Adapter
  readonly there: Adapter
  /** More peers for `races`, each with a connection of its own. */
  readonly more?: ReadonlyArray<Adapter> | undefined
}

/** Peers from a plain function, with their resources. */
export interface OpenedPeers extends Peers {
  /** Called when the last case is over. The adapters' own `close` is called before. */
  readonly close?: (() => void | Promise<void>) | undefined
}

/** A raw record of the backend. */
export interface StoredRecord {
  readonly name: string
  /** Milliseconds until the backend collects it by itself; `Infinity` when it never will. */
  readonly expiresIn: number
}

/** Reads the backend directly: every record that it holds for a key. */
export type Records = (key: string) => Effect.Effect<ReadonlyArray<StoredRecord>, unknown>

/** A backend that can be made to stop answering. */
export interface Stall {
  /** From here to the end of the scope `here` gets no answers; connections stay. `there` may be affected, too. */
  readonly begin: Effect.Effect<void, unknown, Scope.Scope>
  /** Milliseconds within which the adapter says that every verb settles. */
  readonly within: number
}

export interface Setup {
  readonly name: string
  /** Runs once. The resources that it opens in its scope are closed after the last case. */
  readonly peers: Effect.Effect<Peers, unknown, Scope.Scope> | (() => OpenedPeers | Promise<OpenedPeers>)
  readonly claims: Claims
  /** For law 12, which no verb can show. Without it that law's cases are skipped, with this reason. */
  readonly records?: Records | undefined
  /**
   * For law 14: a proxy that holds replies back, a server that is stopped. Without it that law's cases are skipped,
   * with this reason.
   */
  readonly stall?: Stall | undefined
  /** Reproduces random histories. Default: the environment's `CACHE_LOCKING_SEED`, else a new one. */
  readonly seed?: number | undefined
}

/** Builds peers from layers: the backend once, the adapter twice. */
export const peersOf = <R, E, E2>(layers: {
  /** The part that the peers share: a container, a binding, an emulator. */
  readonly backend: Layer.Layer<R, E>
  /** One process's adapter on it. */
  readonly peer: Layer.Layer<Adapter, E2, R>
}): Effect.Effect<Peers, E | E2, Scope.Scope> =>
  Effect.gen(function* () {
    const backend = yield* Layer.build(layers.backend)
    const connect = Layer.build(Layer.fresh(layers.peer)).pipe(
      Effect.provideContext(backend),
      Effect.map(Context.get(AdapterService))
    )
    return { here: yield* connect, there: yield* connect }
  })

/** Opens the peers in the scope, however they were given. */
export const open = (setup: Setup): Effect.Effect<Peers, unknown, Scope.Scope> => {
  const { peers } = setup
  if (typeof peers !== "function") return Effect.tap(peers, closing)
  return Effect.tap(
    Effect.acquireRelease(Effect.tryPromise({ try: async () => peers(), catch: (error) => error }), (opened) =>
      Effect.promise(async () => opened.close?.())
    ),
    closing
  )
}

const closing = ({ here, more = [], there }: Peers) =>
  Effect.addFinalizer(() => Effect.forEach([here, there, ...more], ({ close }) => close ?? Effect.void))

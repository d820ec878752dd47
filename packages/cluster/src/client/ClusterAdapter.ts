/**
 * The contract over the primary of a cluster: one copy of the data for all workers, no server.
 */
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  AdapterLayer,
  type AdapterLimits,
  Check,
  type InvalidOption,
  Limits,
  type ListingAdapter,
  type Operation,
  type Value
} from "@cache-locking/core"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { boundsOf } from "../primary/SpaceOptions.ts"
import { type ClusterError, toAdapterError } from "./ClusterError.ts"
import { clientOptionNames, open, type SpaceClient, type SpaceClientOptions } from "./SpaceClient.ts"

/** What the adapter is told. */
export interface Options extends SpaceClientOptions {}

const names: ReadonlySet<string> = new Set(clientOptionNames)

const name = "cluster"

const limits: AdapterLimits = { keyBytes: 65_536, valueBytes: 64 * 1024 * 1024, tick: 1, clock: "store" }

/** What travels of a value: its bytes, and no memory around them. */
export const bytesOf = (value: Value): Uint8Array => {
  const { bytes } = value
  const whole = bytes.constructor === Uint8Array && bytes.byteLength === bytes.buffer.byteLength
  return whole ? bytes : new Uint8Array(bytes)
}

const valueOf = (bytes: unknown): Value => ({ bytes: bytes as Uint8Array })

const withValue = <A extends { readonly value?: unknown }>(part: A): A =>
  part.value === undefined ? part : { ...part, value: valueOf((part.value as Value).bytes) }

/** Asks of which a late answer is still understood. */
const mostAsking = 10_000

/** The adapter over a namespace that is open already, which keeps values of at most `valueBytes`. */
export const over = (client: SpaceClient, valueBytes = limits.valueBytes): ListingAdapter => {
  const here = { name, limits: { ...limits, valueBytes } }
  /** One call, typed as the contract has it. */
  const call = <A>(
    operation: Operation,
    key: string | undefined,
    args: ReadonlyArray<unknown>,
    late?: (answer: A) => void
  ): Effect.Effect<A, AdapterError> => {
    const refused = key === undefined ? undefined : Limits.refusal(here, operation, key)
    if (refused !== undefined) return Effect.fail(refused)
    return Effect.mapError(client.call<A>(operation, args, late), failure(operation, key))
  }
  const failure = (operation: Operation, key: string | undefined) => (error: ClusterError) =>
    toAdapterError(operation, key, error)

  /** The latest ask of an owner that was not answered, by key and owner: an older answer does not undo it. */
  const asking = new Map<string, object>()

  /** A lease that is granted to somebody who waits no longer is given back; but not if the same owner asked again. */
  const acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    Effect.suspend(() => {
      const name = `${options.owner}\0${key}`
      const mark = {}
      asking.set(name, mark)
      // Asks that were never sent are never answered either.
      if (asking.size > mostAsking) asking.delete(asking.keys().next().value!)
      const isLatest = () => {
        const latest = asking.get(name) === mark
        if (latest) asking.delete(name)
        return latest
      }
      const late = (answer: Acquired) => {
        if (isLatest() && answer._tag === "Leader") giveBack(key, answer)
      }
      return Effect.tap(call<Acquired>("acquire", key, [key, options], late), () => Effect.sync(isLatest))
    })

  const giveBack = (key: string, answer: Acquired): void => {
    if (answer._tag === "Leader") Effect.runFork(Effect.ignore(client.call("abandon", [key, answer.token])))
  }

  return {
    ...here,
    identity: client.identity,
    acquire,
    acquireMany: (keys, options) => {
      const refused = Limits.refusalOfAny(here, "acquireMany", keys)
      if (refused !== undefined) return Effect.fail(refused)
      const late = (answers: ReadonlyArray<Acquired>) => {
        for (const [i, answer] of answers.entries()) giveBack(keys[i]!, answer)
      }
      return call("acquireMany", undefined, [keys, options], late)
    },
    fill: (key, { lifetime, token, value }) =>
      Effect.suspend(() => {
        const refused = Limits.refusal(here, "fill", key, value)
        if (refused !== undefined) return Effect.fail(refused)
        return call<boolean>("fill", key, [key, value && bytesOf(value), token, lifetime])
      }),
    abandon: (key, { cause, cooldown, token }) =>
      Effect.suspend(() => call<boolean>("abandon", key, [key, token, cooldown, cause && bytesOf(cause)])),
    renew: (key, { leaseFor, token }) => call("renew", key, [key, token, leaseFor]),
    delete: (key) => call("delete", key, [key]),
    deleteMany: (keys) => {
      const refused = Limits.refusalOfAny(here, "deleteMany", keys)
      return refused === undefined ? call("deleteMany", undefined, [keys]) : Effect.fail(refused)
    },
    put: (key, { lifetime, value }) =>
      Effect.suspend(() => {
        const refused = Limits.refusal(here, "put", key, value)
        if (refused !== undefined) return Effect.fail(refused)
        return Effect.asVoid(call("put", key, [key, bytesOf(value), lifetime]))
      }),
    touch: (key, { freshFor }) => call("touch", key, [key, freshFor]),
    read: (key) => Effect.map(call<any>("read", key, [key]), withValue),
    watch: (key) =>
      Effect.suspend(() => {
        const refused = Limits.refusal(here, "watch", key)
        if (refused !== undefined) return Effect.fail(refused)
        const latch = Latch.makeUnsafe()
        const opened = () => {
          latch.openUnsafe()
        }
        return Effect.acquireRelease(
          Effect.mapError(client.subscribe("watch", [key], { told: opened, lost: opened }), failure("watch", key)),
          (end) => Effect.sync(end)
        ).pipe(Effect.as(latch.await))
      }),
    changes: (listener) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.mapError(
            client.subscribe("changes", [], { told: listener.changed, lost: listener.lost }),
            failure("changes", undefined)
          ),
          (end) => Effect.sync(end)
        )
      ),
    keys: (prefix) => Stream.mapError(pages<string>(client, prefix, "leased"), failure("keys", undefined))
  }
}

interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly done: boolean
}

/** A listing, page by page. */
export const pages = <A>(
  client: SpaceClient,
  prefix: string,
  what: "keys" | "leased" | "entries"
): Stream.Stream<A, ClusterError> =>
  Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => ({ id: client.number(), begun: false, done: false })),
        ({ begun, done, id }) => (begun && !done ? Effect.ignore(client.call("leave", [id])) : Effect.void)
      ),
      (scan) =>
        Stream.paginate(0, () => {
          const page = scan.begun
            ? client.call<Page<A>>("next", [scan.id])
            : client.call<Page<A>>("scan", [scan.id, prefix, what])
          scan.begun = true
          return Effect.map(page, ({ done, items }) => {
            scan.done = done
            return [items, done ? Option.none<number>() : Option.some(0)] as const
          })
        })
    )
  )

/**
 * A cache in the primary.
 *
 * @example
 * ```ts
 * import { ClusterAdapter } from "@cache-locking/cluster"
 *
 * const adapter = ClusterAdapter.make({ namespace: "users", space: { max: 50_000 } })
 * ```
 *
 * @throws InvalidOption
 */
export const make = (options: Options = {}): ListingAdapter => {
  Check.known(options, names)
  const client = open(options)
  const most = options.space === undefined ? Infinity : boundsOf(options.space).maxEntrySize
  return over(client, Math.min(most, limits.valueBytes))
}

/** The adapter as a layer. The channel stays the caller's. */
export const layer = (options: Options = {}): Layer.Layer<Adapter | ListingAdapter> =>
  AdapterLayer.listing(Effect.sync(() => make(options)))

/**
 * The same from configuration.
 *
 * @example
 * ```ts
 * import { ClusterAdapter } from "@cache-locking/cluster"
 * import * as Config from "effect/Config"
 *
 * const layer = ClusterAdapter.layerConfig({ namespace: Config.succeed("users") })
 * ```
 */
export const layerConfig = (
  config: Config.Wrap<Pick<Options, "namespace" | "commandTimeout">>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.listing(
    Effect.flatMap(Config.unwrap(config), (options) =>
      Effect.try({ try: () => make(options), catch: (error) => error as InvalidOption })
    )
  )

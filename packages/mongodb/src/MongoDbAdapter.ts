/**
 * The contract over MongoDB: one document per key, one statement per verb (see `Statements`).
 */
import {
  type Adapter,
  AdapterLayer,
  Check,
  type InvalidOption,
  type ListingAdapter,
  ValueStore
} from "@cache-locking/core"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { checkConfigured, type Options, type Resolved, resolve, type Settings } from "./Options.ts"
import { here } from "./StoredEntry.ts"
import { values } from "./Values.ts"
import { Verbs } from "./Verbs.ts"

export type { Client, Options, Place, PlaceSettings, Settings } from "./Options.ts"
export { SetupFailed, type SetupOptions, setup } from "./Setup.ts"

/** Options with all leases in another adapter. */
export interface OptionsWithLeases extends Options {
  readonly leases: Adapter
}

const over = (resolved: Resolved): ListingAdapter => {
  const verbs = new Verbs(resolved)
  return {
    ...here,
    identity: resolved.space,
    acquire: verbs.acquire,
    fill: verbs.fill,
    abandon: verbs.abandon,
    renew: verbs.renew,
    delete: verbs.delete,
    put: verbs.put,
    touch: verbs.touch,
    read: verbs.read,
    watch: resolved.watch ? verbs.watch : undefined,
    changes: resolved.watch ? verbs.changes : undefined,
    keys: verbs.keys,
    acquireMany: verbs.acquireMany,
    deleteMany: verbs.deleteMany,
    close: verbs.close
  }
}

/**
 * A cache in MongoDB.
 *
 * @example
 * ```ts
 * import { MongoDbAdapter } from "@cache-locking/mongodb"
 * import { MongoClient } from "mongodb"
 *
 * const client = new MongoClient("mongodb://localhost")
 * const adapter = MongoDbAdapter.make({ client, database: "app" })
 * ```
 *
 * @throws InvalidOption
 */
export function make(options: OptionsWithLeases & { readonly leases: ListingAdapter }): ListingAdapter
export function make(options: OptionsWithLeases): Adapter
export function make(options: Options & { readonly leases?: undefined }): ListingAdapter
export function make(options: Options): Adapter
export function make(options: Options): Adapter {
  const resolved = resolve(options)
  return resolved.leases === undefined ? over(resolved) : ValueStore.withLeases(values(resolved), resolved.leases)
}

/**
 * The adapter as a layer. The caller owns the client.
 *
 * @throws InvalidOption
 */
export function layer(
  options: OptionsWithLeases & { readonly leases: ListingAdapter }
): Layer.Layer<Adapter | ListingAdapter>
export function layer(options: OptionsWithLeases): Layer.Layer<Adapter>
export function layer(options: Options & { readonly leases?: undefined }): Layer.Layer<Adapter | ListingAdapter>
export function layer(options: Options): Layer.Layer<Adapter>
export function layer(options: Options): Layer.Layer<Adapter> | Layer.Layer<Adapter | ListingAdapter> {
  return AdapterLayer.of(make(options))
}

/** The configuration of `layerConfig`. */
export interface Configured extends Omit<Settings, "leases"> {
  /** `mongodb://` or `mongodb+srv://`, with credentials, and with the database if `database` is not given. */
  readonly url: Redacted.Redacted
}

const connect = (url: Redacted.Redacted) =>
  Effect.acquireRelease(
    Effect.flatMap(
      Effect.promise(() => import("mongodb")),
      ({ MongoClient }) =>
        Effect.try({
          // It connects when it is first used. The verb that an error concerns reports it.
          try: () => new MongoClient(Redacted.value(url)),
          // Shows neither the URL nor the driver's message about it: both may contain the password.
          catch: () => Check.invalid("url", "redacted", "a URL of the mongodb driver")
        })
    ),
    (client) => Effect.promise(() => client.close().catch(() => {}))
  )

const configured = Effect.fnUntraced(function* ({ url, ...settings }: Configured) {
  yield* Check.attempt(() => checkConfigured(settings))
  const client = yield* connect(url)
  return over(resolve({ ...settings, client }))
})

/**
 * The adapter as a layer with a client of its own, made from configuration and closed with the layer.
 *
 * @example
 * ```ts
 * import { MongoDbAdapter } from "@cache-locking/mongodb"
 * import * as Config from "effect/Config"
 *
 * const layer = MongoDbAdapter.layerConfig({ url: Config.Redacted("MONGODB_URL"), database: Config.succeed("app") })
 * ```
 */
export const layerConfig = (
  config: Config.Wrap<Configured>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.listing(Effect.flatMap(Config.unwrap(config), configured))

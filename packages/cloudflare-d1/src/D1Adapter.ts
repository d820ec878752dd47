/**
 * The contract over Cloudflare D1.
 *
 * A verb is one statement (see `Statements`), `acquire` one transaction of two. A hit on a key that this isolate
 * recently saw fresh is one statement that only reads (see `Hints`).
 */
import { type Adapter, AdapterLayer, Check, type InvalidOption, type ListingAdapter } from "@cache-locking/core"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Database } from "./D1Binding.ts"
import { type Options, resolve } from "./Options.ts"
import { here, Verbs } from "./Verbs.ts"

export type { Answer, Database, Statement } from "./D1Binding.ts"
export type { Options, Place } from "./Options.ts"
export { collect, migration, setup } from "./Upkeep.ts"

/**
 * A cache in D1.
 *
 * @example
 * ```ts
 * import { createCache } from "@cache-locking/core/promise"
 * import { D1Adapter } from "@cache-locking/cloudflare-d1"
 *
 * export default {
 *   async fetch(_request: Request, env: { readonly DB: D1Adapter.Database }): Promise<Response> {
 *     const cache = createCache<string>({ adapter: D1Adapter.make({ database: env.DB }), cacheTtl: "1 minute" })
 *     return new Response(await cache.getOrSet("greeting", async () => "hello"))
 *   }
 * }
 * ```
 *
 * @throws InvalidOption
 */
export const make = (options: Options): ListingAdapter => {
  const resolved = resolve(options)
  const verbs = new Verbs(resolved)
  return {
    ...here,
    identity: resolved.space,
    pollEvery: resolved.pollEvery,
    acquire: verbs.acquire,
    fill: verbs.fill,
    abandon: verbs.abandon,
    renew: verbs.renew,
    delete: verbs.delete,
    put: verbs.put,
    touch: verbs.touch,
    read: verbs.read,
    keys: verbs.keys,
    acquireMany: verbs.acquireMany,
    deleteMany: verbs.deleteMany
  }
}

/**
 * The adapter as a layer.
 *
 * @throws InvalidOption
 */
export const layer = (options: Options): Layer.Layer<Adapter | ListingAdapter> => AdapterLayer.of(make(options))

/** The configuration of `layerConfig`: all options but the binding, which no configuration can hold. */
export type Configured = Omit<Options, "database">

/**
 * The adapter as a layer, with all options but the binding read from configuration.
 *
 * @example
 * ```ts
 * import { D1Adapter } from "@cache-locking/cloudflare-d1"
 * import * as Config from "effect/Config"
 *
 * const layer = (env: { readonly DB: D1Adapter.Database }) =>
 *   D1Adapter.layerConfig({ database: env.DB }, { table: Config.String("CACHE_TABLE") })
 * ```
 */
export const layerConfig = (
  where: { readonly database: Database },
  config: Config.Wrap<Configured>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.listing(
    Effect.flatMap(Config.unwrap(config), (settings) => Check.attempt(() => make({ ...settings, ...where })))
  )

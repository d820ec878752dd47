/**
 * The contract over Cloudflare KV, with leases in another adapter.
 *
 * The bytes of each load have a name that no other load ever has, and the lease store keeps that name. KV shows writes
 * from elsewhere late. That can hide a version, which is a miss, but never show a wrong one.
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
import type { Namespace } from "./KvBinding.ts"
import * as KvStore from "./KvStore.ts"
import { type Options, resolveAdapter } from "./Options.ts"

export type { Found, Namespace } from "./KvBinding.ts"
export type { Options } from "./Options.ts"

/**
 * A cache with its values in KV and its leases in another store.
 *
 * @example
 * ```ts
 * import { D1Adapter } from "@cache-locking/cloudflare-d1"
 * import { KvAdapter } from "@cache-locking/cloudflare-kv"
 *
 * const adapter = (env: { readonly KV: KvAdapter.Namespace; readonly DB: D1Adapter.Database }) =>
 *   KvAdapter.make({ namespace: env.KV, leases: D1Adapter.make({ database: env.DB }) })
 * ```
 *
 * @throws InvalidOption
 */
export const make: {
  (options: Options<ListingAdapter>): ListingAdapter
  (options: Options): Adapter
} = (options: Options): ListingAdapter => {
  const { inlineBytes, leases, store } = resolveAdapter(options)
  const pairing = inlineBytes === 0 ? {} : { inlineBytes }
  // It lists if the leases do, as the overloads say.
  return ValueStore.withLeases(KvStore.make(store), leases, pairing) as ListingAdapter
}

/**
 * The adapter as a layer, for leases that list their keys.
 *
 * @throws InvalidOption
 */
export const layer = (options: Options<ListingAdapter>): Layer.Layer<Adapter | ListingAdapter> =>
  AdapterLayer.of(make(options))

/** The configuration of `layerConfig`: all options but the binding and the leases, which no configuration can hold. */
export type Configured = Omit<Options, "namespace" | "leases">

/**
 * The adapter as a layer, with the other options read from configuration.
 *
 * @example
 * ```ts
 * import { D1Adapter } from "@cache-locking/cloudflare-d1"
 * import { KvAdapter } from "@cache-locking/cloudflare-kv"
 * import * as Config from "effect/Config"
 *
 * const layer = (env: { readonly KV: KvAdapter.Namespace; readonly DB: D1Adapter.Database }) =>
 *   KvAdapter.layerConfig(
 *     { namespace: env.KV, leases: D1Adapter.make({ database: env.DB }) },
 *     { prefix: Config.String("CACHE_PREFIX") }
 *   )
 * ```
 */
export const layerConfig = (
  where: { readonly namespace: Namespace; readonly leases: ListingAdapter },
  config: Config.Wrap<Configured>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.listing(
    Effect.flatMap(Config.unwrap(config), (settings) => Check.attempt(() => make({ ...settings, ...where })))
  )

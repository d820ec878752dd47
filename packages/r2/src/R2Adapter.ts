/**
 * The contract over Cloudflare R2, inside a Worker. Elsewhere use `@cache-locking/s3` with R2's S3 API: the two store
 * the same objects, and can share a bucket.
 *
 * The `ObjectStore` of `@cache-locking/core` decides which objects there are and when they are written.
 */
import {
  type Adapter,
  type AdapterError,
  AdapterLayer,
  Check,
  type InvalidOption,
  type ListingAdapter,
  ObjectStore
} from "@cache-locking/core"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Binding } from "./Binding.ts"
import { type Options, resolve, type Settings } from "./Options.ts"
import * as R2Bucket from "./R2Bucket.ts"

export type { Binding } from "./Binding.ts"
export type { Options, Settings } from "./Options.ts"

/**
 * A cache in a bucket. It sends nothing before it is used. Make it in the handler, or once per isolate: adapters over
 * the same binding and prefix share their flights.
 *
 * @example
 * ```ts
 * import { createCache } from "@cache-locking/core/promise"
 * import { R2Adapter } from "@cache-locking/r2"
 *
 * export default {
 *   async fetch(request: Request, env: { readonly CACHE: R2Adapter.Binding }): Promise<Response> {
 *     const adapter = R2Adapter.make({ bucket: env.CACHE, prefix: "pages" })
 *     const cache = createCache<string>({ adapter, cacheTtl: "1 hour" })
 *     return new Response(await cache.getOrSet(request.url, async () => "a page"))
 *   }
 * }
 * ```
 *
 * @throws InvalidOption
 */
export const make = (options: Options): ListingAdapter => {
  const resolved = resolve(options)
  return ObjectStore.make(R2Bucket.make(resolved), resolved)
}

/**
 * Checks that the binding respects conditions on writes, with 14 calls on an object of its own that is then removed. R2
 * does; a stand-in for tests may not, and then it fails as `Rejected`.
 *
 * @throws InvalidOption
 */
export const setup = (options: Options): Effect.Effect<void, AdapterError> => {
  const resolved = resolve(options)
  return ObjectStore.setup(R2Bucket.make(resolved), resolved.prefix)
}

/** The options of `sweep`. */
export interface SweepOptions extends Options {
  /** Objects are removed only after this long without use. At least a minute, and twice `commandTimeout`; default 1 hour. */
  readonly grace?: Duration.Input | undefined
}

/**
 * Removes expired objects that were not requested again, and values that no lease names: for a `scheduled` handler. It
 * may run at any time, beside any other call. It costs one `list` per 1,000 objects.
 *
 * @throws InvalidOption
 */
export const sweep = ({ grace, ...options }: SweepOptions): Effect.Effect<ObjectStore.Swept, AdapterError> => {
  const resolved = resolve(options)
  return ObjectStore.sweep(R2Bucket.make(resolved), {
    prefix: resolved.prefix,
    grace: ObjectStore.checkGrace(grace, resolved.timeout)
  })
}

/**
 * The adapter as a layer.
 *
 * @throws InvalidOption
 */
export const layer = (options: Options): Layer.Layer<Adapter | ListingAdapter> => AdapterLayer.of(make(options))

/**
 * The adapter as a layer, with its settings read from configuration.
 *
 * @example
 * ```ts
 * import { R2Adapter } from "@cache-locking/r2"
 * import * as Config from "effect/Config"
 *
 * const layer = (env: { readonly CACHE: R2Adapter.Binding }) =>
 *   R2Adapter.layerConfig({ bucket: env.CACHE }, { prefix: Config.String("CACHE_PREFIX") })
 * ```
 */
export const layerConfig = (
  where: { readonly bucket: Binding },
  config: Config.Wrap<Settings>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.listing(
    Effect.flatMap(Config.unwrap(config), (settings) => Check.attempt(() => make({ ...settings, ...where })))
  )

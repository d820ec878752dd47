/**
 * The contract over Cloudflare R2, inside a Worker. From elsewhere take `@cache-locking/s3` with R2's S3 API: the two
 * keep the same objects, and share a bucket.
 *
 * What is where, and what is written when, is the `ObjectStore` of `@cache-locking/core`.
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
 * A cache in a bucket. Nothing is asked before it is used. Make it in the handler, or once per isolate: adapters over
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
 * Tries whether the binding heeds conditions on writes, with 14 calls on an object of its own that is then removed.
 * R2 does; what stands in for it in tests may not, and is refused as `Rejected`.
 *
 * @throws InvalidOption
 */
export const setup = (options: Options): Effect.Effect<void, AdapterError> => {
  const resolved = resolve(options)
  return ObjectStore.setup(R2Bucket.make(resolved), resolved.prefix)
}

/** What `sweep` is told. */
export interface SweepOptions extends Options {
  /** Only what has been of no use for so long is removed. At least a minute, and twice `commandTimeout`; default 1 hour. */
  readonly grace?: Duration.Input | undefined
}

/**
 * Removes what expired and was not asked for again, and values that no lease names: for a `scheduled` handler. May run
 * at any time, beside anything and anyone. One `list` per 1,000 objects at most.
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
export const layer = (options: Options): Layer.Layer<Adapter | ListingAdapter> =>
  AdapterLayer.listing(Effect.succeed(make(options)))

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

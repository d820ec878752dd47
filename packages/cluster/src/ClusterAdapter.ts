/**
 * The adapter over the primary of a cluster: one copy of the data for all workers, without a server.
 */
import { type Adapter, AdapterLayer, Check, type InvalidOption, type ListingAdapter } from "@cache-locking/core"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { limits, over } from "./client/SpaceAdapter.ts"
import { clientOptionNames, open, type SpaceClientOptions } from "./client/SpaceClient.ts"
import { boundsOf } from "./primary/SpaceOptions.ts"

/** The options of the adapter. */
export interface Options extends SpaceClientOptions {}

const names: ReadonlySet<string> = new Set(clientOptionNames)

/**
 * An adapter to a namespace in the primary.
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
  const max = options.space === undefined ? Infinity : boundsOf(options.space).maxEntrySize
  return over(client, Math.min(max, limits.valueBytes))
}

/** The adapter as a layer. The caller closes the channel. */
export const layer = (options: Options = {}): Layer.Layer<Adapter | ListingAdapter> =>
  AdapterLayer.listing(Effect.sync(() => make(options)))

/**
 * The adapter as a layer, with options from configuration.
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

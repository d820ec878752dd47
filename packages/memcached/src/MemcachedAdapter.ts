/**
 * The contract over Memcached, one server or several.
 *
 * A key is one item, with its value, lease and cooldown. Every verb overwrites it only if it is still the version that
 * was read. A hit is one `GET`.
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
import * as Address from "./Address.ts"
import { checkConfigured, type Options, resolve, type Settings } from "./Options.ts"
import { values } from "./Values.ts"
import { Verbs } from "./Verbs.ts"

export type { Client, Options, Settings } from "./Options.ts"

/** Present if the adapter of the leases can list keys, as the types of `make` say. */
const listing = ({ keys }: Pick<Adapter, "keys">): Pick<ListingAdapter, "keys"> => ({
  keys: keys as ListingAdapter["keys"]
})

/**
 * A cache in Memcached.
 *
 * @example
 * ```ts
 * import { MemcachedAdapter } from "@cache-locking/memcached"
 * import { Client } from "memjs"
 *
 * const adapter = MemcachedAdapter.make({ client: Client.create("localhost:11211"), prefix: "app" })
 * ```
 *
 * @throws InvalidOption
 */
export const make: {
  (options: Options & { readonly leases: ListingAdapter }): ListingAdapter
  (options: Options): Adapter
} = (options: Options): ListingAdapter => {
  const resolved = resolve(options)
  const close = Effect.sync(() => resolved.pool.close())
  const { leases } = resolved
  if (leases !== undefined) {
    const paired = ValueStore.withLeases(values(resolved), leases)
    return { ...paired, ...listing(leases), close: Effect.andThen(close, paired.close ?? Effect.void) }
  }
  const verbs = new Verbs(resolved)
  return {
    ...verbs.here,
    identity: resolved.space,
    acquire: verbs.acquire,
    fill: verbs.fill,
    abandon: verbs.abandon,
    renew: verbs.renew,
    delete: verbs.delete,
    put: verbs.put,
    touch: verbs.touch,
    read: verbs.read,
    ...listing({}),
    close: Effect.andThen(close, verbs.close)
  }
}

/**
 * The adapter as a layer. The caller owns the client.
 *
 * @throws InvalidOption
 */
export const layer: {
  (options: Options & { readonly leases: ListingAdapter }): Layer.Layer<Adapter | ListingAdapter>
  (options: Options): Layer.Layer<Adapter>
} = (options: Options) => AdapterLayer.of(make(options))

/** The configuration of `layerConfig`. */
export interface Configured extends Settings {
  /** `memcached://user:password@host:port`, with more servers after commas. */
  readonly url: Redacted.Redacted
}

/** Makes a client and opens nothing. The adapter opens its own connections, and closes them with the layer. */
const clientOf = (addresses: ReadonlyArray<Address.Address>) =>
  Effect.map(
    Effect.promise(() => import("memjs")),
    ({ Client, Server }) =>
      new Client(addresses.map(({ host, password, port, user }) => new Server(host, port, user, password, {})))
  )

const configured = Effect.fnUntraced(function* ({ url, ...settings }: Configured) {
  const addresses = yield* Check.attempt(() => {
    checkConfigured(settings)
    return Address.parse(Redacted.value(url))
  })
  const client = yield* clientOf(addresses)
  return make({ ...settings, client })
})

/**
 * The adapter as a layer with a client of its own, made from configuration and closed with the layer.
 *
 * @example
 * ```ts
 * import { MemcachedAdapter } from "@cache-locking/memcached"
 * import * as Config from "effect/Config"
 *
 * const layer = MemcachedAdapter.layerConfig({ url: Config.Redacted("MEMCACHED_URL"), prefix: Config.succeed("app") })
 * ```
 */
export const layerConfig = (
  config: Config.Wrap<Configured>
): Layer.Layer<Adapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.make(Effect.flatMap(Config.unwrap(config), configured))

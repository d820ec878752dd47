/**
 * The contract over Redis, Valkey, Redis Cluster and Sentinel.
 *
 * Every verb is one script (see `Scripts`). The exception is a hit on a key that this process recently saw fresh: it is
 * one plain `GET` (see `Hints`).
 */
import { type Adapter, AdapterLayer, Check, type InvalidOption, type ListingAdapter } from "@cache-locking/core"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { isReadOnly } from "./client/Failure.ts"
import { noop } from "./client/RedisPort.ts"
import * as Keyspace from "./Keyspace.ts"
import { checkConfigured, type Options, resolve, type Settings } from "./Options.ts"
import { Verbs } from "./Verbs.ts"

export type { Client, Options, Settings } from "./Options.ts"

/**
 * A cache in Redis.
 *
 * @example
 * ```ts
 * import { RedisAdapter } from "@cache-locking/redis"
 * import { Redis } from "ioredis"
 *
 * const adapter = RedisAdapter.make({ client: new Redis(), prefix: "app" })
 * ```
 *
 * @throws InvalidOption
 */
export const make = (options: Options): ListingAdapter => {
  const resolved = resolve(options)
  const verbs = new Verbs(resolved)
  const { port } = resolved
  return {
    ...Keyspace.here,
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
    acquireMany: resolved.scripts.acquireMany && verbs.acquireMany,
    deleteMany: verbs.deleteMany,
    // The masters of a cluster fail on their own.
    partOf: port.sharded
      ? (key) => port.routeOf(port.keyPrefix + Keyspace.nameOf(resolved.space.prefix, key))
      : undefined,
    close: verbs.close
  }
}

/**
 * The adapter as a layer. The client stays the caller's.
 *
 * @throws InvalidOption
 */
export const layer = (options: Options): Layer.Layer<Adapter | ListingAdapter> => AdapterLayer.of(make(options))

/** The configuration of `layerConfig`. */
export interface Configured extends Settings {
  /** `redis://` or `rediss://`, with credentials and database. */
  readonly url: Redacted.Redacted
}

/** The least time between two connections of which the first met a server that takes no writes, in milliseconds. */
const reconnectEvery = 1_000

/** After a failover the client may still be connected to the former primary, while its name leads to the new one. */
const reconnectOnReadOnly = (): ((error: Error) => boolean) => {
  let last = Number.NEGATIVE_INFINITY
  return (error) => {
    if (!isReadOnly(error) || performance.now() - last < reconnectEvery) return false
    last = performance.now()
    return true
  }
}

const connect = (url: Redacted.Redacted) =>
  Effect.acquireRelease(
    Effect.flatMap(
      Effect.promise(() => import("ioredis")),
      ({ Redis }) =>
        Effect.try({
          try: () => {
            const client = new Redis(urlOf(url), { lazyConnect: true, reconnectOnError: reconnectOnReadOnly() })
            // The verb that an error concerns reports it.
            client.on("error", noop)
            return client
          },
          // Shows neither the URL nor the message about it: both may contain the password.
          catch: () => Check.invalid("url", "redacted", "redis://user:password@host:port/database, or rediss://")
        })
    ),
    (client) => Effect.sync(() => client.disconnect())
  )

/** The client would take any other text for the path of a socket. */
const urlOf = (url: Redacted.Redacted): string => {
  const given = Redacted.value(url)
  if (/^rediss?:\/\//.test(given) && URL.canParse(given)) return given
  throw new TypeError("no URL of Redis")
}

const configured = Effect.fnUntraced(function* ({ url, ...settings }: Configured) {
  yield* Check.attempt(() => checkConfigured(settings))
  const client = yield* connect(url)
  return make({ ...settings, client })
})

/**
 * The adapter as a layer with a client of its own (ioredis), made from configuration and closed with the layer.
 *
 * @example
 * ```ts
 * import { RedisAdapter } from "@cache-locking/redis"
 * import * as Config from "effect/Config"
 *
 * const layer = RedisAdapter.layerConfig({ url: Config.Redacted("REDIS_URL"), prefix: Config.succeed("app") })
 * ```
 */
export const layerConfig = (
  config: Config.Wrap<Configured>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.listing(Effect.flatMap(Config.unwrap(config), configured))

/**
 * The contract over one table of DynamoDB.
 *
 * A hit is one consistent read; every change of a key is one conditional write (see `Statements`).
 */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb"
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
import { values } from "./Values.ts"
import { Verbs } from "./Verbs.ts"

export type { Client } from "./Client.ts"
export type { Options, Settings } from "./Options.ts"
export { type Definition, definition, SetupFailed, type SetupOptions, setup } from "./Table.ts"

/** Options of an adapter that can list its keys: both in DynamoDB, or leases in an adapter that can. */
export interface ListingOptions extends Options {
  readonly leases?: ListingAdapter | undefined
}

const whole = (resolved: Resolved): ListingAdapter => {
  const verbs = new Verbs(resolved)
  return {
    name: verbs.name,
    limits: verbs.limits,
    identity: resolved.space,
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
    deleteMany: verbs.deleteMany,
    close: verbs.close
  }
}

/** A cache in DynamoDB. Make its table by `setup` or by other means.
 *
 * With `leases`, DynamoDB keeps the values and the adapter given keeps the leases. Keys can be listed if it can list them.
 *
 * @example
 * ```ts
 * import { DynamoDBClient } from "@aws-sdk/client-dynamodb"
 * import { DynamoDbAdapter } from "@cache-locking/dynamodb"
 *
 * const adapter = DynamoDbAdapter.make({ client: new DynamoDBClient({}), table: "app-cache", prefix: "app" })
 * ```
 *
 * @throws InvalidOption
 */
export const make: {
  (options: ListingOptions): ListingAdapter
  (options: Options): Adapter
} = (options: Options): ListingAdapter => {
  const resolved = resolve(options)
  if (options.leases === undefined) return whole(resolved)
  const leases = Check.adapter("leases", options.leases)
  // It lists the keys of the leases, as the types above say.
  return ValueStore.withLeases(values(resolved), leases) as ListingAdapter
}

/**
 * The adapter as a layer. The caller owns the client.
 *
 * @throws InvalidOption
 */
export const layer: {
  (options: ListingOptions): Layer.Layer<Adapter | ListingAdapter>
  (options: Options): Layer.Layer<Adapter>
} = (options: Options) => AdapterLayer.of(make(options))

/** The configuration of `layerConfig`. */
export interface Configured extends Settings {
  /** By default the one that the SDK finds (`AWS_REGION`, the shared configuration). */
  readonly region?: string | undefined
  /**
   * The URL of DynamoDB Local or another emulator: `http://localhost:8000`. By default that of the service in the
   * region.
   */
  readonly endpoint?: string | undefined
  /** Given with `secretAccessKey`. By default the credentials that the SDK finds (variables, profiles, roles). */
  readonly accessKeyId?: string | undefined
  readonly secretAccessKey?: Redacted.Redacted | undefined
  /** Given with the two when they are temporary. */
  readonly sessionToken?: Redacted.Redacted | undefined
}

/** The SDK would ignore half of a pair, and look for other credentials. */
const credentialsOf = ({ accessKeyId, secretAccessKey, sessionToken }: Configured) => {
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined) return undefined
  if (accessKeyId === undefined) throw Check.invalid("accessKeyId", undefined, "text, beside secretAccessKey")
  if (secretAccessKey === undefined) throw Check.invalid("secretAccessKey", undefined, "redacted, beside accessKeyId")
  return {
    accessKeyId,
    secretAccessKey: Redacted.value(secretAccessKey),
    ...(sessionToken !== undefined && { sessionToken: Redacted.value(sessionToken) })
  }
}

const connect = ({ endpoint, region }: Configured, credentials: ReturnType<typeof credentialsOf>) =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new DynamoDBClient({
          ...(region !== undefined && { region }),
          ...(endpoint !== undefined && { endpoint }),
          ...(credentials !== undefined && { credentials })
        })
    ),
    (client) => Effect.sync(() => client.destroy())
  )

const configured = Effect.fnUntraced(function* (config: Configured) {
  const { accessKeyId, endpoint, region, secretAccessKey, sessionToken, ...settings } = config
  const credentials = yield* Check.attempt(() => {
    checkConfigured(settings)
    return credentialsOf(config)
  })
  const client = yield* connect({ endpoint, region }, credentials)
  return make({ ...settings, client })
})

/**
 * The adapter as a layer with a client of its own, made from configuration and destroyed with the layer.
 *
 * @example
 * ```ts
 * import { DynamoDbAdapter } from "@cache-locking/dynamodb"
 * import * as Config from "effect/Config"
 *
 * const layer = DynamoDbAdapter.layerConfig({
 *   region: Config.String("AWS_REGION"),
 *   table: Config.succeed("app-cache"),
 *   prefix: Config.succeed("app")
 * })
 * ```
 */
export const layerConfig = (
  config: Config.Wrap<Configured>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.listing(Effect.flatMap(Config.unwrap(config), configured))

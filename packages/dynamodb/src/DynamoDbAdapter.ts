/**
 * The contract over one table of DynamoDB.
 *
 * A hit is one consistent read; whatever changes a key is one conditional write (see `Statements`).
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
    deleteMany: verbs.deleteMany
  }
}

/**
 * A cache in DynamoDB. Its table is made by `setup`, or by you.
 *
 * With `leases`, values are in DynamoDB and leases in the adapter given, which also tells whether keys can be listed.
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
  // Its keys are those of the leases, as the types above say.
  return ValueStore.withLeases(values(resolved), leases) as ListingAdapter
}

/**
 * The adapter as a layer. The client stays the caller's.
 *
 * @throws InvalidOption
 */
export const layer: {
  (options: ListingOptions): Layer.Layer<Adapter | ListingAdapter>
  (options: Options): Layer.Layer<Adapter>
} = (options: Options) => {
  const adapter = make(options)
  // What cannot list is not given as a service that can.
  return (adapter.keys === undefined ? AdapterLayer.make : AdapterLayer.listing)(
    Effect.succeed(adapter as ListingAdapter)
  )
}

/** What `layerConfig` is told. */
export interface Configured extends Settings {
  /** Default: what the SDK finds (`AWS_REGION`, the shared configuration). */
  readonly region?: string | undefined
  /** For DynamoDB Local and its like: `http://localhost:8000`. Default: the service's, in the region. */
  readonly endpoint?: string | undefined
  /** With `secretAccessKey`. Default: what the SDK finds (variables, profiles, roles). */
  readonly accessKeyId?: string | undefined
  readonly secretAccessKey?: Redacted.Redacted | undefined
  /** With the two, where they are temporary. */
  readonly sessionToken?: Redacted.Redacted | undefined
}

/** Half of what signs a request would be passed over by the SDK, which would look for other credentials. */
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

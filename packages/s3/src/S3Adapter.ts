/**
 * The contract over S3, and over what speaks its API and heeds conditions on writes: Cloudflare R2, MinIO, Ceph, …
 *
 * What is where, and what is written when, is the `ObjectStore` of `@cache-locking/core`.
 */
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3"
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
import * as Redacted from "effect/Redacted"
import { checkConfigured, type Options, resolve, type Settings } from "./Options.ts"
import * as S3Bucket from "./S3Bucket.ts"

export type { Client, Options, Settings } from "./Options.ts"

/**
 * A cache in a bucket. Nothing is asked before it is used; let `setup` try the bucket once, when you deploy.
 *
 * @example
 * ```ts
 * import { S3Client } from "@aws-sdk/client-s3"
 * import { S3Adapter } from "@cache-locking/s3"
 *
 * const adapter = S3Adapter.make({ client: new S3Client({ region: "eu-west-1" }), bucket: "my-cache", prefix: "app" })
 * ```
 *
 * @throws InvalidOption
 */
export const make = (options: Options): ListingAdapter => {
  const resolved = resolve(options)
  return ObjectStore.make(S3Bucket.make(resolved), resolved)
}

/**
 * Tries whether the bucket heeds conditions, with 14 requests on an object of its own that is then removed. Fails as
 * `Rejected`, and says why, where it does not: everyone would lead. Safe to run at any time, also beside others.
 *
 * @example
 * ```ts
 * import { S3Client } from "@aws-sdk/client-s3"
 * import { S3Adapter } from "@cache-locking/s3"
 * import * as Effect from "effect/Effect"
 *
 * const deploy = () => Effect.runPromise(S3Adapter.setup({ client: new S3Client({}), bucket: "my-cache" }))
 * ```
 *
 * @throws InvalidOption
 */
export const setup = (options: Options): Effect.Effect<void, AdapterError> => {
  const resolved = resolve(options)
  return ObjectStore.setup(S3Bucket.make(resolved), resolved.prefix)
}

/** What `sweep` is told. */
export interface SweepOptions extends Options {
  /** Only what has been of no use for so long is removed. At least a minute, and twice `commandTimeout`; default 1 hour. */
  readonly grace?: Duration.Input | undefined
}

/**
 * Removes what expired and was not asked for again, and values that no lease names. May run at any time, beside
 * anything and anyone. One LIST per 1,000 objects, and a HEAD for each lease that is older than the grace (for each
 * lease, if there are values of their own that are).
 *
 * @throws InvalidOption
 */
export const sweep = ({ grace, ...options }: SweepOptions): Effect.Effect<ObjectStore.Swept, AdapterError> => {
  const resolved = resolve(options)
  return ObjectStore.sweep(S3Bucket.make(resolved), {
    prefix: resolved.prefix,
    grace: ObjectStore.checkGrace(grace, resolved.timeout)
  })
}

/**
 * The adapter as a layer. The client stays the caller's.
 *
 * @throws InvalidOption
 */
export const layer = (options: Options): Layer.Layer<Adapter | ListingAdapter> =>
  AdapterLayer.listing(Effect.succeed(make(options)))

/** What `layerConfig` is told. */
export interface Configured extends Settings {
  /** The store's region; R2's is `"auto"`. Without it the SDK looks where it always does. */
  readonly region?: string | undefined
  /** The URL of a store that is not AWS's. Buckets are then named in the path. */
  readonly endpoint?: string | undefined
  /** With `secretAccessKey`. Without them the SDK looks where it always does. */
  readonly accessKeyId?: string | undefined
  readonly secretAccessKey?: Redacted.Redacted | undefined
  /** With the two, where they are temporary. */
  readonly sessionToken?: Redacted.Redacted | undefined
}

/** Half of what signs a request would be passed over by the SDK, which would look for other credentials. */
const credentialsOf = ({ accessKeyId, secretAccessKey, sessionToken }: Configured): S3ClientConfig => {
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined) return {}
  if (accessKeyId === undefined) throw Check.invalid("accessKeyId", undefined, "text, beside secretAccessKey")
  if (secretAccessKey === undefined) throw Check.invalid("secretAccessKey", undefined, "redacted, beside accessKeyId")
  const token = sessionToken === undefined ? {} : { sessionToken: Redacted.value(sessionToken) }
  return { credentials: { accessKeyId, secretAccessKey: Redacted.value(secretAccessKey), ...token } }
}

const connect = ({ endpoint, region }: Configured, credentials: S3ClientConfig) =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new S3Client({
          ...(region !== undefined && { region }),
          ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
          ...credentials
        })
    ),
    (client) => Effect.sync(() => client.destroy())
  )

const configured = Effect.fnUntraced(function* (given: Configured) {
  const { accessKeyId: _, endpoint: __, region: ___, secretAccessKey: ____, sessionToken: _____, ...settings } = given
  const credentials = yield* Check.attempt(() => {
    checkConfigured(settings)
    return credentialsOf(given)
  })
  return make({ ...settings, client: yield* connect(given, credentials) })
})

/**
 * The adapter as a layer with a client of its own, made from configuration and destroyed with the layer.
 *
 * @example
 * ```ts
 * import { S3Adapter } from "@cache-locking/s3"
 * import * as Config from "effect/Config"
 *
 * const layer = S3Adapter.layerConfig({ bucket: Config.String("CACHE_BUCKET"), region: Config.String("AWS_REGION") })
 * ```
 */
export const layerConfig = (
  config: Config.Wrap<Configured>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption> =>
  AdapterLayer.listing(Effect.flatMap(Config.unwrap(config), configured))

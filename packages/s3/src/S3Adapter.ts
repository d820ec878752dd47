/**
 * The contract over S3, and over stores with its API that respect conditions on writes: Cloudflare R2, MinIO, Ceph, …
 *
 * The `ObjectStore` of `@cache-locking/core` decides which objects there are and when they are written.
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
import { failures } from "./Failure.ts"
import { checkConfigured, type Options, resolve, type Settings } from "./Options.ts"
import * as S3Bucket from "./S3Bucket.ts"

export type { Client, Options, Settings } from "./Options.ts"

/**
 * A cache in a bucket. It sends nothing before it is used; let `setup` try the bucket once, when you deploy.
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

/** The options of `setup`. */
export interface SetupOptions extends Options {
  /** True to accept a bucket that keeps old versions: a lifecycle rule must then remove them. Default `false`. */
  readonly versioned?: boolean | undefined
}

/**
 * Checks that the bucket respects conditions on writes, with 14 requests on an object of its own that is then removed.
 * It fails as `Rejected`, with the reason, if the bucket does not: every caller would lead. A bucket that keeps old
 * versions is refused too, unless `versioned` is true. It may run at any time, and in several processes at once.
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
export const setup = ({ versioned, ...options }: SetupOptions): Effect.Effect<void, AdapterError> => {
  const resolved = resolve(options)
  const allowed = Check.bool("versioned", versioned, false)
  const bucket = S3Bucket.make(resolved)
  return Effect.flatMap(ObjectStore.setup(bucket, resolved.prefix), () =>
    bucket.keepsVersions() && !allowed ? failures.rejected("put", undefined, oldVersions) : Effect.void
  )
}

const oldVersions =
  "the bucket keeps old versions: of every lease that is granted, renewed or ended, and of every value. Turn versioning off, or have a lifecycle rule remove noncurrent versions, and give versioned: true"

/** The options of `sweep`. */
export interface SweepOptions extends Options {
  /** Objects are removed only after this long without use. At least a minute, and twice `commandTimeout`; default 1 hour. */
  readonly grace?: Duration.Input | undefined
}

/**
 * Removes expired objects that were not requested again, and values that no lease names. It may run at any time, beside
 * any other call. It costs one LIST per 1,000 objects, and a HEAD for each lease that is older than the grace (for each
 * lease, if any separate value is).
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
 * The adapter as a layer. The caller owns the client.
 *
 * @throws InvalidOption
 */
export const layer = (options: Options): Layer.Layer<Adapter | ListingAdapter> => AdapterLayer.of(make(options))

/** The configuration of `layerConfig`. */
export interface Configured extends Settings {
  /** The store's region; R2's is `"auto"`. By default the one that the SDK finds. */
  readonly region?: string | undefined
  /** The URL of a store other than AWS's. The path then names the bucket. */
  readonly endpoint?: string | undefined
  /**
   * The requests that carry a checksum of the SDK's: all that may (`"WHEN_SUPPORTED"`), or only those that must
   * (`"WHEN_REQUIRED"`), for stores that refuse the others. Default `"WHEN_REQUIRED"` with an `endpoint`, and otherwise
   * the SDK's own.
   */
  readonly requestChecksumCalculation?: "WHEN_SUPPORTED" | "WHEN_REQUIRED" | undefined
  /** Given with `secretAccessKey`. By default the credentials that the SDK finds. */
  readonly accessKeyId?: string | undefined
  readonly secretAccessKey?: Redacted.Redacted | undefined
  /** Given with the two when they are temporary. */
  readonly sessionToken?: Redacted.Redacted | undefined
}

/** The SDK would ignore half of a pair, and look for other credentials. */
const credentialsOf = ({ accessKeyId, secretAccessKey, sessionToken }: Configured): S3ClientConfig => {
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined) return {}
  if (accessKeyId === undefined) throw Check.invalid("accessKeyId", undefined, "text, beside secretAccessKey")
  if (secretAccessKey === undefined) throw Check.invalid("secretAccessKey", undefined, "redacted, beside accessKeyId")
  const token = sessionToken === undefined ? {} : { sessionToken: Redacted.value(sessionToken) }
  return { credentials: { accessKeyId, secretAccessKey: Redacted.value(secretAccessKey), ...token } }
}

const checksumsOf = ({ endpoint, requestChecksumCalculation: given }: Configured): S3ClientConfig => {
  if (given === undefined && endpoint === undefined) return {}
  const calculated = Check.oneOf(
    "requestChecksumCalculation",
    given,
    ["WHEN_SUPPORTED", "WHEN_REQUIRED"],
    "WHEN_REQUIRED"
  )
  return { requestChecksumCalculation: calculated, responseChecksumValidation: calculated }
}

const connect = ({ endpoint, region }: Configured, more: S3ClientConfig) =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new S3Client({
          ...(region !== undefined && { region }),
          ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
          ...more
        })
    ),
    (client) => Effect.sync(() => client.destroy())
  )

const configured = Effect.fnUntraced(function* (given: Configured) {
  const {
    accessKeyId: _,
    endpoint: __,
    region: ___,
    requestChecksumCalculation: ____,
    secretAccessKey: _____,
    sessionToken: ______,
    ...settings
  } = given
  const more = yield* Check.attempt(() => {
    checkConfigured(settings)
    return { ...credentialsOf(given), ...checksumsOf(given) }
  })
  return make({ ...settings, client: yield* connect(given, more) })
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

/**
 * The adapter's options, checked once, and what adapters over one client share.
 */
import type { S3Client } from "@aws-sdk/client-s3"
import { Check, Identity, ObjectStore, StoreClock } from "@cache-locking/core"

/** A client of the AWS SDK 3: `S3Client`, or `S3`. */
export type Client = Pick<S3Client, "send">

/** The settings of an adapter over S3, all but the client. */
export interface Settings extends ObjectStore.Settings {
  /** The name of a bucket that exists. It should hold this cache alone, or caches with other prefixes. */
  readonly bucket: string
  /**
   * The clock that ends leases and values. `"store"` is the bucket's clock, known from the `Date` of its answers to
   * about a second. `"client"` is each host's own, to the millisecond, for hosts whose clocks agree. Default `"store"`.
   */
  readonly clock?: "store" | "client" | undefined
}

export interface Options extends Settings {
  /** The caller owns the client: the adapter never destroys it. */
  readonly client: Client
}

const names = new Set(["client", "bucket", "prefix", "inlineBytes", "clock", "pollEvery", "commandTimeout"])

/** The same objects of the same store. */
export interface Space {
  readonly name: string
}

/** The state that adapters over one client share. */
const sharedOf = Identity.perObject((client: Client) => {
  // The value given may hold credentials.
  if (typeof client !== "object" || client === null || typeof client.send !== "function") {
    throw Check.invalid("client", typeof client, "a client of the AWS SDK 3 (S3Client, S3), not its options")
  }
  return { clock: new StoreClock.StoreClock(), spaceOf: Identity.perName((name): Space => ({ name })) }
})

const bucketOf = (given: string): string => {
  if (typeof given === "string" && given !== "") return given
  throw Check.invalid("bucket", given, "a bucket's name")
}

/** Checks the settings that need no client. */
export const checkSettings = (settings: Settings) => ({
  ...ObjectStore.checkSettings(settings),
  bucket: bucketOf(settings.bucket),
  clock: Check.oneOf("clock", settings.clock, ["store", "client"], "store")
})

/**
 * Checks the settings of `layerConfig` before anything is opened.
 *
 * @throws InvalidOption
 */
export const checkConfigured = (settings: Settings): void => {
  Check.known(settings, names)
  checkSettings(settings)
}

/** The options, checked, with their defaults and what they share with others. */
export interface Resolved {
  readonly client: Client
  readonly bucket: string
  readonly prefix: string
  readonly inlineBytes: number
  readonly timeout: number
  readonly pollEvery: number
  /** The store's clock, if it counts. */
  readonly clock: StoreClock.StoreClock | undefined
  /** The same object for the same client, bucket and prefix. */
  readonly space: Space
}

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const resolve = (options: Options): Resolved => {
  Check.known(options, names)
  const { client } = options
  const shared = sharedOf(client)
  const { bucket, clock, prefix, ...settings } = checkSettings(options)
  return {
    ...settings,
    client,
    bucket,
    prefix,
    clock: clock === "store" ? shared.clock : undefined,
    space: shared.spaceOf(`${bucket}/${prefix}`)
  }
}

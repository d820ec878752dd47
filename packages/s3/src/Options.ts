/**
 * The adapter's options, checked once, and what adapters over one client share.
 */
import type { S3Client } from "@aws-sdk/client-s3"
import { Check, Identity, ObjectStore } from "@cache-locking/core"
import { StoreClock } from "./StoreClock.ts"

/** A client of the AWS SDK 3: `S3Client`, or `S3`. */
export type Client = Pick<S3Client, "send">

/** What every adapter over S3 can be told. */
export interface Settings extends ObjectStore.Settings {
  /** The bucket's name. It must be there, and should be of this cache alone, or of caches with other prefixes. */
  readonly bucket: string
  /**
   * Whose clock ends leases and values. `"store"`: the bucket's, as its answers' `Date` tells it, to about a second.
   * `"client"`: each host's own, to the millisecond, for hosts whose clocks agree. Default `"store"`.
   */
  readonly clock?: "store" | "client" | undefined
}

export interface Options extends Settings {
  /** Stays the caller's: the adapter never destroys it. */
  readonly client: Client
}

const names = new Set(["client", "bucket", "prefix", "inlineBytes", "clock", "pollEvery", "commandTimeout"])

/** The same objects of the same store. */
export interface Space {
  readonly name: string
}

/** What adapters over one client share. */
const sharedOf = Identity.perObject((client: Client) => {
  // What was given may hold credentials.
  if (typeof client !== "object" || client === null || typeof client.send !== "function") {
    throw Check.invalid("client", typeof client, "a client of the AWS SDK 3 (S3Client, S3), not its options")
  }
  return { clock: new StoreClock(), spaceOf: Identity.perName((name): Space => ({ name })) }
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
 * Checks what `layerConfig` is told, before anything is opened.
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
  /** The store's clock, where it is gone by. */
  readonly clock: StoreClock | undefined
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

/**
 * The adapter's options, checked once, and what adapters over one client share.
 */
import type { S3Client } from "@aws-sdk/client-s3"
import { Check, ObjectStore } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import { StoreClock } from "./StoreClock.ts"

/** A client of the AWS SDK 3: `S3Client`, or `S3`. */
export type Client = Pick<S3Client, "send">

/** What every adapter over S3 can be told. */
export interface Settings {
  /** The bucket's name. It must be there, and should be of this cache alone, or of caches with other prefixes. */
  readonly bucket: string
  /**
   * The folder of this cache's objects: letters, digits and `-_.!*'()`, folders parted by `/`, 100 characters at most.
   * Two prefixes never meet. Default `"cache"`.
   */
  readonly prefix?: string | undefined
  /**
   * Values of up to so many bytes, as they are stored, are kept beside their lease: one GET for a hit. Larger ones
   * take two. Default 65,536; 1 MiB at most.
   */
  readonly inlineBytes?: number | undefined
  /**
   * Whose clock ends leases and values. `"store"`: the bucket's, as its answers' `Date` tells it, to about a second.
   * `"client"`: each host's own, to the millisecond, for hosts whose clocks agree. Default `"store"`.
   */
  readonly clock?: "store" | "client" | undefined
  /**
   * The delay from which followers begin to poll, where `waitStep` is shorter: each time is a GET that is billed.
   * Default 250 ms.
   */
  readonly pollEvery?: Duration.Input | undefined
  /**
   * How long any request may take, the client's own retries included; a second more for each MiB of a value.
   * Default 5 seconds.
   */
  readonly requestTimeout?: Duration.Input | undefined
}

export interface Options extends Settings {
  /** Stays the caller's: the adapter never destroys it. */
  readonly client: Client
}

const names = new Set(["client", "bucket", "prefix", "inlineBytes", "clock", "pollEvery", "requestTimeout"])

const timeoutDefault = 5_000

const pollDefault = 250

const inlineDefault = 65_536

const inlineMost = 1_048_576

/** The same objects of the same store. */
export interface Space {
  readonly name: string
}

/** One client, whichever adapters use it. */
interface Shared {
  readonly clock: StoreClock
  readonly spaces: Map<string, Space>
}

const clients = new WeakMap<object, Shared>()

const sharedOf = (client: Client): Shared => {
  // What was given may hold credentials.
  if (typeof client !== "object" || client === null || typeof client.send !== "function") {
    throw Check.invalid("client", typeof client, "a client of the AWS SDK 3 (S3Client, S3), not its options")
  }
  const known = clients.get(client)
  if (known !== undefined) return known
  const shared: Shared = { clock: new StoreClock(), spaces: new Map() }
  clients.set(client, shared)
  return shared
}

const spaceOf = ({ spaces }: Shared, name: string): Space => {
  const known = spaces.get(name)
  if (known !== undefined) return known
  const space: Space = { name }
  spaces.set(name, space)
  return space
}

const bucketOf = (given: string): string => {
  if (typeof given === "string" && given !== "") return given
  throw Check.invalid("bucket", given, "a bucket's name")
}

const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, "cache")
  if (ObjectStore.isPrefix(prefix)) return prefix
  throw Check.invalid(
    "prefix",
    prefix,
    `letters, digits and -_.!*'(), folders parted by one /, none that begins with a dot, ${ObjectStore.prefixBytes} characters at most`
  )
}

const inlineOf = (given: number | undefined): number => {
  const bytes = Check.integer("inlineBytes", given, { min: 0, default: inlineDefault })
  if (bytes <= inlineMost) return bytes
  throw Check.invalid("inlineBytes", bytes, `a whole number from 0 to ${inlineMost}`)
}

/** Checks the settings that need no client. */
export const checkSettings = (settings: Settings) => ({
  bucket: bucketOf(settings.bucket),
  prefix: prefixOf(settings.prefix),
  inlineBytes: inlineOf(settings.inlineBytes),
  clock: Check.oneOf("clock", settings.clock, ["store", "client"], "store"),
  pollEvery: Check.duration("pollEvery", settings.pollEvery ?? pollDefault, { infinite: false }),
  timeout: Check.duration("requestTimeout", settings.requestTimeout ?? timeoutDefault, { min: 1, infinite: false })
})

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
  const { bucket, clock, inlineBytes, pollEvery, prefix, timeout } = checkSettings(options)
  return {
    client,
    bucket,
    prefix,
    inlineBytes,
    timeout,
    pollEvery,
    clock: clock === "store" ? shared.clock : undefined,
    space: spaceOf(shared, `${bucket}/${prefix}`)
  }
}

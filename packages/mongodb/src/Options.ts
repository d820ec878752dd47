/**
 * The adapter's options, checked once, and what adapters over one collection share.
 */
import { type Adapter, Check, Identity } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import type { Collection, MongoClient } from "mongodb"
import { ChangeSubscriber } from "./ChangeSubscriber.ts"
import type { StoredEntry } from "./StoredEntry.ts"

/** A client of the `mongodb` driver, 7 or newer. It need not be connected yet. */
export type Client = MongoClient

/** The place of the cache. */
export interface PlaceSettings {
  /** The database. By default the one in the client's URL, or `"test"` if it names none. */
  readonly database?: string | undefined
  /** The collection, which only the cache may use. Caches in different collections never meet. Default `"cache"`. */
  readonly collection?: string | undefined
}

/** The settings of an adapter over MongoDB, all but the client. */
export interface Settings extends PlaceSettings {
  /**
   * The members of a replica set that must have a change before it is acknowledged: a number of at least 1, or
   * `"majority"`, the default. With fewer members a failover can take back a lease, a fill or a delete that was
   * acknowledged.
   */
  readonly writeConcern?: "majority" | number | undefined
  /**
   * True to wake followers and send `changes` by a change stream, over a connection of the client's. In a deployment
   * without change streams (a server that stands alone) watching fails at its first use with a typed error, and the
   * cache polls. `false` opens none. Default `true`.
   */
  readonly watch?: boolean | undefined
  /** The longest time that a verb may take, including the search for the server. Default 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /** An adapter that keeps all leases, while MongoDB keeps only the values. It also lists keys and wakes followers. */
  readonly leases?: Adapter | undefined
}

/** A collection of a client. */
export interface Place extends PlaceSettings {
  /** The caller owns the client: the adapter never closes it. */
  readonly client: Client
}

export interface Options extends Settings {
  /** The caller owns the client: the adapter never closes it. */
  readonly client: Client
}

const names = new Set(["client", "database", "collection", "writeConcern", "watch", "commandTimeout", "leases"])

const acceptedClient = "a MongoClient of the mongodb driver, not its options or URL"

/** One collection of one client: the same keys of the same store. */
export interface Space {
  readonly subscriber: ChangeSubscriber
}

const spacesOf = Identity.perObject((_: Client) =>
  Identity.perName(
    (_, collection: Collection<StoredEntry>): Space => ({ subscriber: new ChangeSubscriber(collection) })
  )
)

/** The options, checked, with their defaults and what they share with others. */
export interface Resolved {
  readonly collection: Collection<StoredEntry>
  /** The same object for the same collection of the same client. */
  readonly space: Space
  readonly leases: Adapter | undefined
  readonly watch: boolean
  readonly timeout: number
}

const clientOf = (client: Client): Client => {
  const { close, db, startSession } = (client ?? {}) as unknown as Record<string, unknown>
  if ([close, db, startSession].every((method) => typeof method === "function")) return client
  // The value given may hold a password.
  throw Check.invalid("client", typeof client, acceptedClient)
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).byteLength

const nameOf = (option: string, name: string, forbidden: RegExp, most: number, accepted: string): string => {
  if (name !== "" && name.isWellFormed() && !forbidden.test(name) && bytesOf(name) <= most) return name
  throw Check.invalid(option, name, accepted)
}

const databaseOf = (given: string | undefined): string | undefined =>
  given === undefined
    ? undefined
    : nameOf(
        "database",
        Check.text("database", given, ""),
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the character that a name must not have
        /[\u0000/\\. "$*<>:|?]/,
        63,
        'a name of 1 to 63 bytes without any of /\\. "$*<>:|? and NUL'
      )

const collectionOf = (given: string | undefined): string =>
  nameOf(
    "collection",
    Check.text("collection", given, "cache"),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the character that a name must not have
    /[\u0000$]|^\.|\.$|\.\.|^system\./,
    120,
    'a name of 1 to 120 bytes without $ and NUL, that does not begin with "system."'
  )

const writeConcernOf = (given: "majority" | number | undefined): "majority" | number => {
  if (given === undefined || given === "majority") return "majority"
  if (Number.isSafeInteger(given) && given >= 1 && given <= 50) return given
  throw Check.invalid("writeConcern", given, '"majority" or a whole number from 1 to 50')
}

/** Checks the settings that need no client. */
export const checkSettings = (settings: Settings) => ({
  database: databaseOf(settings.database),
  collection: collectionOf(settings.collection),
  writeConcern: writeConcernOf(settings.writeConcern),
  watch: Check.bool("watch", settings.watch, true),
  timeout: Check.commandTimeout(settings, "2 seconds"),
  leases: settings.leases === undefined ? undefined : Check.adapter("leases", settings.leases)
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

/** The collection with the options that the adapter needs, independent of the client's own. */
export const reach = (
  client: Client,
  database: string | undefined,
  collection: string,
  writeConcern: "majority" | number,
  timeout: number
): Collection<StoredEntry> =>
  clientOf(client)
    .db(database)
    .collection<StoredEntry>(collection, {
      // Only the primary knows the leader, and its answers must not wait for the other members.
      readPreference: "primary",
      readConcern: { level: "local" },
      writeConcern: { w: writeConcern, wtimeoutMS: Math.ceil(timeout) },
      promoteValues: true,
      promoteLongs: true,
      promoteBuffers: true,
      useBigInt64: false,
      ignoreUndefined: true,
      raw: false
    })

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const resolve = (options: Options): Resolved => {
  Check.known(options, names)
  const { leases, timeout, watch, ...settings } = checkSettings(options)
  const collection = reach(options.client, settings.database, settings.collection, settings.writeConcern, timeout)
  return { collection, space: spacesOf(options.client)(collection.namespace, collection), leases, watch, timeout }
}

const placeNames = new Set(["client", "database", "collection", "dryRun"])

/** The bound of a set-up, in milliseconds. The server builds an index in it. */
const setupTimeout = 60_000

/**
 * Checks the place of a set-up.
 *
 * @throws InvalidOption
 */
export const resolvePlace = (place: Place & { readonly dryRun?: boolean | undefined }) => {
  Check.known(place, placeNames)
  const { collection, database } = checkSettings({ database: place.database, collection: place.collection })
  return {
    collection: reach(place.client, database, collection, "majority", setupTimeout),
    dryRun: Check.bool("dryRun", place.dryRun, false),
    timeout: setupTimeout
  }
}

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

/** Where the cache is. */
export interface PlaceSettings {
  /** The database. Default: that of the client's URL, which is `"test"` if it names none. */
  readonly database?: string | undefined
  /** The collection, which is the cache's alone. Caches in different collections never meet. Default `"cache"`. */
  readonly collection?: string | undefined
}

/** What every adapter over MongoDB can be told. */
export interface Settings extends PlaceSettings {
  /**
   * How many members of a replica set must have a change before it is answered: a number of at least 1, or
   * `"majority"`, the default. With less a failover can take back a lease, a fill or a delete that was answered.
   */
  readonly writeConcern?: "majority" | number | undefined
  /**
   * Whether followers are woken and changes are told by a change stream, over a connection of the client's. Where the
   * deployment has none (a server that stands alone) it is found out at the first use: watching fails, typed, and the
   * cache polls. `false`: not even tried. Default `true`.
   */
  readonly watch?: boolean | undefined
  /** How long any verb may take, finding the server included. Default 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /** Keeps only the values here, and all leases in this adapter. What lists and wakes is then its, too. */
  readonly leases?: Adapter | undefined
}

/** A collection of a client. */
export interface Place extends PlaceSettings {
  /** Stays the caller's: the adapter never closes it. */
  readonly client: Client
}

export interface Options extends Settings {
  /** Stays the caller's: the adapter never closes it. */
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
  // What was given may hold a password.
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
 * Checks what `layerConfig` is told, before anything is opened.
 *
 * @throws InvalidOption
 */
export const checkConfigured = (settings: Settings): void => {
  Check.known(settings, names)
  checkSettings(settings)
}

/** The collection, spoken to as the adapter needs it, whatever the client does otherwise. */
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
      // Only the primary knows who leads; and what it knows must not wait to be known by the others.
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

/** How long setting up may wait for the server: it builds an index. */
const setupTimeout = 60_000

/**
 * Checks where to set up.
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

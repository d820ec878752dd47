/**
 * The adapter's options, checked once, and what adapters over one client share.
 */
import { type Adapter, type AdapterLimits, Check, Identity, StoreClock } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import { type Client, isClient } from "./Client.ts"

/** The table, and the bound of its requests. */
export interface TableSettings {
  /** The table's name, or its ARN. Default `"cache-locking"`. */
  readonly table?: string | undefined
  /** The longest time that a verb may take, including the SDK's own retries. Default 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
}

/** The settings of an adapter over DynamoDB, all but the client. */
export interface Settings extends TableSettings {
  /**
   * Stands before every key, with a `#` between: the keys of two prefixes never meet. Up to 512 bytes, not empty,
   * without a `#`. Default `"cache"`.
   */
  readonly prefix?: string | undefined
}

export interface Options extends Settings {
  /** A `DynamoDBClient` or a `DynamoDBDocumentClient`. The caller owns it: the adapter never destroys it. */
  readonly client: Client
  /** The adapter that keeps the leases, while DynamoDB keeps only the values. By default DynamoDB keeps both. */
  readonly leases?: Adapter | undefined
}

const names = new Set(["client", "table", "prefix", "commandTimeout", "leases"])

const acceptedClient = "a DynamoDBClient or a DynamoDBDocumentClient of the AWS SDK, version 3, not its options"

/** One client with one table and one prefix: the same keys of the same store. */
export interface Space {
  readonly table: string
  readonly prefix: string
  readonly limits: AdapterLimits
}

const encoder = new TextEncoder()
const bytesOf = (text: string): number => encoder.encode(text).byteLength

/** The longest partition key that DynamoDB takes. */
const nameBytes = 2048

/**
 * DynamoDB takes items of 400 KB. The difference is for the names and numbers of attributes, the key, a lease beside
 * the value and the cause that a failed leader left.
 */
export const itemBytes = 409_600
export const valueBytes = itemBytes - 8_192

/** The largest cause that always fits beside a value and a key at their limits. */
export const causeBytes = 4_096

/** The state that adapters over one client share. A document client has the configuration of the client that it was made from. */
const sharedOf = Identity.perObject((_config: object) => ({
  clock: new StoreClock.StoreClock(),
  spaceOf: Identity.perName((_, table: string, prefix: string): Space => {
    const keyBytes = nameBytes - bytesOf(prefix) - 1
    const { shortestLease } = StoreClock
    return { table, prefix, limits: { keyBytes, valueBytes, tick: 1, clock: "client", shortestLease } }
  })
}))

/** The options, checked, with their defaults and what they share with others. */
export interface Resolved {
  readonly client: Client
  readonly clock: StoreClock.StoreClock
  /** The same object for the same client, table and prefix. */
  readonly space: Space
  readonly timeout: number
}

const tableOf = (given: string | undefined): string => {
  const table = Check.text("table", given, "cache-locking")
  if (/^(arn:[\w.:/-]{3,1000}|[\w.-]{3,255})$/.test(table)) return table
  throw Check.invalid("table", table, "a table's name (3 to 255 of a-z, A-Z, 0-9, _, -, .) or its ARN")
}

const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, "cache")
  if (prefix !== "" && !prefix.includes("#") && prefix.isWellFormed() && bytesOf(prefix) <= 512) return prefix
  throw Check.invalid("prefix", prefix, "text of 1 to 512 bytes without #")
}

/** Checks the table. */
export const checkTable = (settings: TableSettings) => ({
  table: tableOf(settings.table),
  timeout: Check.commandTimeout(settings, "2 seconds")
})

/** Checks the settings that need no client. */
export const checkSettings = (settings: Settings) => ({ ...checkTable(settings), prefix: prefixOf(settings.prefix) })

/**
 * Checks the settings of `layerConfig` before anything is opened.
 *
 * @throws InvalidOption
 */
export const checkConfigured = (settings: Settings): void => {
  Check.known(settings, names)
  checkSettings(settings)
}

/**
 * Checks the client.
 *
 * @throws InvalidOption
 */
export const checkClient = (client: Client): Client => {
  if (isClient(client)) return client
  // The value given may hold credentials.
  throw Check.invalid("client", typeof client, acceptedClient)
}

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const resolve = (options: Options): Resolved => {
  Check.known(options, names)
  const { prefix, table, timeout } = checkSettings(options)
  const client = checkClient(options.client)
  const { clock, spaceOf } = sharedOf(client.config)
  return { client, clock, space: spaceOf(JSON.stringify([table, prefix]), table, prefix), timeout }
}

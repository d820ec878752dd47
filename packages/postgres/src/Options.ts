/**
 * The adapter's options, checked once, and what adapters over one client share.
 */
import { type Adapter, Check, Identity } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import { type Client, Link } from "./Link.ts"
import * as Space from "./Space.ts"
import { Subscriber } from "./Subscriber.ts"

export type { Client } from "./Link.ts"

/** The table, for `ddl`. */
export interface Place {
  /** The schema of the table; `setup` makes it if it is not there. Default `"public"`. */
  readonly schema?: string | undefined
  /** The table, which `setup` makes. Default `"cache_locking"`. */
  readonly table?: string | undefined
  /**
   * True to have `setup` make the table `UNLOGGED`. Such a table writes no write-ahead log, so writes are several times
   * cheaper, and after a crash of the server, on a replica and after a failover it is empty: a cold cache, and no
   * lease. An existing table of the other kind is refused. By default a new table is logged, and an existing one may be
   * of either kind.
   */
  readonly unlogged?: boolean | undefined
}

/** The settings of an adapter over Postgres, all but the client. */
export interface Settings extends Place {
  /** Stored beside every key. The keys of two prefixes never meet, and share the table. Default `"cache"`. */
  readonly prefix?: string | undefined
  /**
   * True to announce changes by NOTIFY, and to wake followers and send `changes` by LISTEN, over a connection of the
   * adapter's own. Use `false` behind a pooler that hands connections out per transaction or statement: followers then
   * poll at the pace of the wait strategy, and nothing is announced. All processes of a prefix need the same. Default
   * `true`.
   */
  readonly watch?: boolean | undefined
  /** True to remove expired rows in the background, a page for every hundred writes. Default `true`. */
  readonly collect?: boolean | undefined
  /** The longest time that a statement may take, including the wait for a connection. Default 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
}

export interface Options extends Settings {
  /** The caller owns the client: the adapter never closes it. */
  readonly client: Client
}

/** Options of an adapter whose leases are elsewhere. */
export interface WithLeases extends Options {
  /**
   * The adapter that keeps the leases, when they are not beside the values. The caller owns it. It also wakes
   * followers, reports `changes` and lists keys.
   */
  readonly leases: Adapter
}

/** Separates the values from the keys of caches with the same prefix. */
const ofValues = "\u0001"

const placeNames = ["schema", "table", "unlogged"]
const optionNames = new Set([...placeNames, "client", "leases", "prefix", "watch", "collect", "commandTimeout"])

/** Postgres cuts longer names, so two of them could become one. */
const nameBytes = 63

/** The functions of a client that turn parameters into text, by the type's number. */
type Serializers = Readonly<Record<number, (value: unknown) => unknown>>

const uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"

/** A value of each type that the statements send, and all that Postgres reads as that value. */
const samples: ReadonlyArray<readonly [type: number, value: unknown, texts: ReadonlyArray<unknown>]> = [
  [16, true, ["t", "true", "y", "yes", "on", "1"]],
  [16, false, ["f", "false", "n", "no", "off", "0"]],
  [17, Uint8Array.of(0, 92, 255), ["\\x005cff"]],
  [25, '{"\\\\x00"}', ['{"\\\\x00"}']],
  [701, 1.5, ["1.5"]],
  [701, Number.POSITIVE_INFINITY, ["Infinity", "inf"]],
  [2950, uuid, [uuid]]
]

/** True when the client sends the statements' parameters as they are, although it may have types of its own. */
const serializes = (serializers: Serializers): boolean =>
  samples.every(([type, value, texts]) => {
    try {
      const sent = type in serializers ? serializers[type]!(value) : String(value)
      return texts.includes(sent)
    } catch {
      return false
    }
  })

const checkClient = (client: Client): void => {
  const { begin, options, unsafe } = (typeof client === "function" ? client : {}) as Partial<Client>
  if (typeof unsafe !== "function" || typeof begin !== "function" || typeof options !== "object") {
    // The value given may hold a password.
    throw Check.invalid(
      "client",
      typeof client,
      "a client of postgres.js, postgres(url), not its options, URL or transaction"
    )
  }
  if (!serializes((options as unknown as { readonly serializers?: Serializers }).serializers ?? {})) {
    throw Check.invalid(
      "client",
      "one with types of its own",
      "a client whose types leave boolean, bytea, float8, text and uuid as they are"
    )
  }
  if (options.transform?.row?.from !== undefined) {
    throw Check.invalid("client", "one that transforms rows", "a client without transform.row")
  }
}

/** The state that adapters over one client share. */
const sharedOf = Identity.perObject((client: Client) => {
  checkClient(client)
  const link = new Link(client)
  const spaceOf = Identity.perName((_, names: Space.Names) => Space.make(names))
  return { link, subscriber: new Subscriber(link), spaceOf }
})

const plain = (text: string): boolean => text.isWellFormed() && !text.includes("\0")

const nameOf = (option: string, given: string | undefined, otherwise: string): string => {
  const name = Check.text(option, given, otherwise)
  if (name !== "" && plain(name) && Buffer.byteLength(name) <= nameBytes) return name
  throw Check.invalid(option, name, `a name of 1 to ${nameBytes} bytes, without NUL`)
}

const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, "cache")
  if (plain(prefix) && Buffer.byteLength(prefix) <= 1_000) return prefix
  throw Check.invalid("prefix", prefix, "text of at most 1,000 bytes, without NUL")
}

/** Checks the schema and the table. */
export const checkPlace = ({ schema, table, unlogged }: Place) => ({
  schema: nameOf("schema", schema, "public"),
  table: nameOf("table", table, "cache_locking"),
  unlogged: unlogged === undefined ? undefined : Check.bool("unlogged", unlogged, false)
})

/** Checks the settings that need no client. */
export const checkSettings = (settings: Settings) => ({
  ...checkPlace(settings),
  prefix: prefixOf(settings.prefix),
  watch: Check.bool("watch", settings.watch, true),
  collect: Check.bool("collect", settings.collect, true),
  timeout: Check.commandTimeout(settings, "2 seconds")
})

/** The options, checked, with their defaults and what they share with others. */
export interface Resolved extends Omit<ReturnType<typeof sharedOf>, "spaceOf"> {
  /** The same object for the same client, table and prefix. */
  readonly space: Space.Space
  readonly leases: Adapter | undefined
  readonly unlogged: boolean | undefined
  readonly watch: boolean
  readonly collect: boolean
  readonly timeout: number
}

/**
 * Checks the settings of `layerConfig` before anything is opened.
 *
 * @throws InvalidOption
 */
export const checkConfigured = (settings: Settings): void => {
  Check.known(settings, optionNames)
  checkSettings(settings)
}

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const resolve = (options: Options & Partial<WithLeases>): Resolved => {
  Check.known(options, optionNames)
  const { prefix, schema, table, ...rest } = checkSettings(options)
  const { spaceOf, ...shared } = sharedOf(options.client)
  const leases = options.leases === undefined ? undefined : Check.adapter("leases", options.leases)
  const names = { schema, table, prefix: leases === undefined ? prefix : prefix + ofValues }
  return { ...rest, ...shared, leases, space: spaceOf(JSON.stringify([schema, table, names.prefix]), names) }
}

/**
 * The adapter's options, checked once, and what adapters over one client share.
 */
import { type Adapter, Check, Identity } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import type { MemjsServer } from "./Connection.ts"
import * as Keyspace from "./Keyspace.ts"
import { Pool } from "./Pool.ts"
import { consistent, type Route } from "./Routing.ts"
import { itemSizeDefault, itemSizeMin } from "./Size.ts"

/** A client of memjs 1.3: `Client.create(…)`. */
export interface Client {
  readonly servers: ReadonlyArray<object>
  readonly getServer: (key: string) => unknown
}

/** The settings of an adapter over Memcached, all but the client. */
export interface Settings {
  /**
   * Stands before every key. The keys of two prefixes never meet. Printable ASCII without spaces and braces, at most
   * 128 characters. Default `"cache"`.
   */
  readonly prefix?: string | undefined
  /** The longest time that a request may take, including the opening of a connection. Default 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /** The largest item that the servers take, in bytes: their option `-I`. Default 1 MiB, as there. */
  readonly itemSize?: number | undefined
  /**
   * The adapter that keeps the leases, while Memcached keeps only the values. Memcached may then evict values, but no
   * lease. The caller owns that adapter: this one never closes it.
   */
  readonly leases?: Adapter | undefined
}

export interface Options extends Settings {
  /** The caller owns the client: the adapter opens connections of its own to the client's servers, and never closes the client's. */
  readonly client: Client
}

const names = new Set(["client", "prefix", "commandTimeout", "itemSize", "leases"])

const acceptedClient = "a client of memjs (Client.create), not its options or a list of servers"

/** One client with one prefix: the same keys of the same servers. */
export interface Space {
  readonly prefix: string
}

const isServer = (server: unknown): server is MemjsServer => {
  const { error, host, onError, onResponse, port, sock, write } = (server ?? {}) as Partial<MemjsServer>
  const methods = [error, onError, onResponse, sock, write]
  return typeof host === "string" && typeof port === "number" && methods.every((method) => typeof method === "function")
}

/** True when `getServer` was overridden: otherwise the object that defines it also defines `perform`. */
const hasOwnHashing = (client: Client): boolean => {
  for (let object: object | null = client; object !== null; object = Object.getPrototypeOf(object)) {
    if (Object.hasOwn(object, "getServer")) return !Object.hasOwn(object, "perform")
  }
  return false
}

const routeOf = (client: Client, servers: ReadonlyArray<MemjsServer>): Route => {
  if (hasOwnHashing(client)) return (name) => Number(client.getServer(name))
  return consistent(servers.map(({ host, port }) => `${host}:${port}`))
}

/** The state that adapters over one client share. */
const sharedOf = Identity.perObject((client: Client) => {
  const servers: ReadonlyArray<unknown> = Array.isArray(client?.servers) ? client.servers : []
  if (servers.length === 0 || !servers.every(isServer) || typeof client.getServer !== "function") {
    // The value given may hold a password.
    throw Check.invalid("client", typeof client, acceptedClient)
  }
  return {
    pool: new Pool(servers, routeOf(client, servers)),
    spaceOf: Identity.perName((prefix): Space => ({ prefix }))
  }
})

/** The options, checked, with their defaults and what they share with others. */
export interface Resolved {
  readonly pool: Pool
  /** The same object for the same client and prefix. */
  readonly space: Space
  readonly timeout: number
  readonly itemSize: number
  readonly leases: Adapter | undefined
}

/** Checks the settings that need no client. */
export const checkSettings = (settings: Settings) => ({
  prefix: Keyspace.prefixOf(settings.prefix),
  timeout: Check.commandTimeout(settings, "2 seconds"),
  itemSize: Check.integer("itemSize", settings.itemSize, { min: itemSizeMin, default: itemSizeDefault }),
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

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const resolve = (options: Options): Resolved => {
  Check.known(options, names)
  const { itemSize, leases, prefix, timeout } = checkSettings(options)
  const { pool, spaceOf } = sharedOf(options.client)
  return { pool, space: spaceOf(prefix), timeout, itemSize, leases }
}

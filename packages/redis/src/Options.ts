/**
 * The adapter's options, checked once, and the state that adapters over one client share.
 */
import { Check, Identity } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import { type IoRedisClient, ioRedisPort, isIoRedis } from "./client/IoRedis.ts"
import { isNodeRedis, type NodeRedisClient, nodeRedisPort } from "./client/NodeRedis.ts"
import type { RedisPort } from "./client/RedisPort.ts"
import { Subscriber } from "./client/Subscriber.ts"
import { Hints } from "./Hints.ts"
import { type Script, type Scripts, sharded, silent, single } from "./Scripts.ts"

/** A client of ioredis 6 (`Redis`, `Cluster`) or of node-redis 6 (`createClient`, `createCluster`). */
export type Client = IoRedisClient | NodeRedisClient

/** The settings of an adapter over Redis, all but the client. */
export interface Settings {
  /**
   * Stands before every key. Braces separate the two, so the keys of two prefixes never meet; the prefix itself may
   * have none. Default `"cache"`.
   */
  readonly prefix?: string | undefined
  /**
   * True to publish changes, and to wake followers by pub/sub, over a connection of the adapter's own. Use `false` with
   * servers that do not allow it: followers then poll at the pace of the wait strategy, and nothing is published. All
   * processes of a prefix need the same. Default `true`.
   */
  readonly watch?: boolean | undefined
  /** The longest time that a command may take, including the wait for the connection. Default 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
}

export interface Options extends Settings {
  /** The caller owns the client: the adapter never closes it. */
  readonly client: Client
}

const names = new Set(["client", "prefix", "watch", "commandTimeout"])

const acceptedClient =
  "a client of ioredis (Redis, Cluster) or of node-redis (createClient, createCluster), not its options or URL"

/** One client with one prefix: the same keys of the same store. */
export interface Space {
  readonly prefix: string
  readonly hints: Hints
}

const portOf = (client: Client): RedisPort => {
  if (typeof client === "object" && client !== null) {
    if (isIoRedis(client)) return ioRedisPort(client)
    if (isNodeRedis(client)) return nodeRedisPort(client)
  }
  // The value given may hold a password.
  throw Check.invalid("client", typeof client, acceptedClient)
}

/** The state that adapters over one client share. */
const sharedOf = Identity.perObject((client: Client) => {
  const port = portOf(client)
  return {
    port,
    loaded: new Set<Script>(),
    subscriber: new Subscriber(port),
    spaceOf: Identity.perName((prefix): Space => ({ prefix, hints: new Hints() }))
  }
})

/** The options, checked, with their defaults and the state that they share with others. */
export interface Resolved extends Omit<ReturnType<typeof sharedOf>, "spaceOf"> {
  /** The same object for the same client and prefix. */
  readonly space: Space
  readonly scripts: Scripts
  readonly watch: boolean
  readonly timeout: number
}

const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, "cache")
  if (!/[{}]/.test(prefix) && prefix.isWellFormed()) return prefix
  throw Check.invalid("prefix", prefix, "text without braces")
}

/** Checks the settings that need no client. */
export const checkSettings = (settings: Settings) => ({
  prefix: prefixOf(settings.prefix),
  watch: Check.bool("watch", settings.watch, true),
  timeout: Check.commandTimeout(settings, "2 seconds")
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
  const { prefix, timeout, watch } = checkSettings(options)
  const { spaceOf, ...shared } = sharedOf(options.client)
  const { port } = shared
  if (port.keyPrefix.includes("{}")) {
    throw Check.invalid("client", port.keyPrefix, "a client whose keyPrefix has no empty hash tag {}")
  }
  const scripts = (watch ? { single, sharded } : silent)[port.sharded ? "sharded" : "single"]
  return { ...shared, space: spaceOf(prefix), scripts, watch, timeout }
}

/**
 * The port over ioredis: `Redis` (Sentinel included) and `Cluster`.
 */
import {
  anyOf,
  anywhere,
  asArguments,
  type Emitter,
  noop,
  type Push,
  type PushEvents,
  type RedisPort,
  type Scan,
  scanCount,
  type Topic,
  Waiting
} from "./RedisPort.ts"
import { slotOf } from "./Slot.ts"

/** The part of an ioredis client that is used. `Redis` and `Cluster` both have it. */
export interface IoRedisClient extends Emitter {
  readonly status: string
  connect(): Promise<unknown>
  getBuffer(key: string): Promise<unknown>
  mgetBuffer(...keys: ReadonlyArray<string>): Promise<unknown>
}

/** Every client has these; ioredis's types leave some out. */
interface Commands {
  scanBuffer(...args: ReadonlyArray<string>): Promise<unknown>
  evalBuffer(...args: ReadonlyArray<string | Buffer | number>): Promise<unknown>
  evalshaBuffer(...args: ReadonlyArray<string | Buffer | number>): Promise<unknown>
}

/** The rest, which differs between the two. */
interface Redis extends IoRedisClient, Commands {
  readonly options: Options
  readonly stream?: Corkable
  duplicate(override: object): Subscribing
}

interface Corkable {
  cork(): void
  uncork(): void
}

interface Cluster extends IoRedisClient, Commands {
  readonly options: Options
  readonly slots: ReadonlyArray<ReadonlyArray<string> | undefined>
  nodes(role: "master"): ReadonlyArray<Redis>
}

interface Options {
  readonly keyPrefix?: string
  readonly scaleReads?: unknown
  readonly enableOfflineQueue?: boolean
  readonly host?: string
  readonly port?: number
}

interface Subscribing extends Emitter {
  connect(): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  psubscribe(pattern: string): Promise<unknown>
  ssubscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  punsubscribe(pattern: string): Promise<unknown>
  sunsubscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  disconnect(): void
}

/** True for a client of ioredis, by its shape. */
export const isIoRedis = (client: object): client is IoRedisClient =>
  "getBuffer" in client && typeof client.getBuffer === "function" && "status" in client

const isCluster = (client: Redis | Cluster): client is Cluster => (client as { isCluster?: boolean }).isCluster === true

/** A subscriber receives messages at once, and reports its own end. */
const subscriberOptions = {
  lazyConnect: true,
  keyPrefix: "",
  // Watchers ask again when a connection is lost, and the next watcher opens another.
  retryStrategy: null,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  enableOfflineQueue: true,
  // RESP2 and no checks: connecting costs no command of its own.
  protocol: 2,
  replyMapping: "legacy",
  enableReadyCheck: false,
  disableClientInfo: true,
  db: 0
}

const subscriber = async (node: Redis, sharded: boolean, events: PushEvents, signal: AbortSignal): Promise<Push> => {
  signal.throwIfAborted()
  const redis = node.duplicate(subscriberOptions)
  let last: unknown
  redis.on("error", (error) => {
    last = error
  })
  redis.on(sharded ? "smessage" : "message", events.message)
  redis.on("pmessage", events.patternMessage)
  redis.on("end", () => events.lost(last))
  // The slot has moved to another node, and the subscription has ended here.
  redis.on("moved", events.lost)
  signal.addEventListener("abort", () => redis.disconnect())
  try {
    await redis.connect()
  } catch (error) {
    throw last ?? error
  }
  const send = (command: "subscribe" | "unsubscribe", { name, pattern }: Topic) =>
    pattern ? redis[`p${command}`](name) : sharded ? redis[`s${command}`](name) : redis[command](name)
  return {
    subscribe: (topic) => send("subscribe", topic),
    unsubscribe: (topic) => send("unsubscribe", topic),
    ping: () => redis.ping()
  }
}

/**
 * Sends the hits of one turn of the event loop in one write. Where many callers hit at once, system calls are most of
 * the cost of a hit, here and on the server (docs/decisions/redis-hit-path.md). Scripts are not held back: they take
 * the server longer, and it should begin with the first at once.
 */
class Together {
  private readonly corked = new Map<string, Corkable>()
  private readonly streamOf: (route: string) => Corkable | undefined

  constructor(streamOf: (route: string) => Corkable | undefined) {
    this.streamOf = streamOf
  }

  join(route: string): void {
    if (this.corked.has(route)) return
    const stream = this.streamOf(route)
    if (stream === undefined) return
    stream.cork()
    if (this.corked.size === 0) process.nextTick(this.leave)
    this.corked.set(route, stream)
  }

  private readonly leave = (): void => {
    for (const stream of this.corked.values()) stream.uncork()
    this.corked.clear()
  }
}

/** States that waiting for a connection does not change. */
const settled = new Set(["ready", "end", "disconnecting"])

const common = (
  client: Redis | Cluster,
  routeOf: RedisPort["routeOf"],
  streamOf: (route: string) => Corkable | undefined
) => {
  const waiting = new Waiting(client)
  const together = new Together(streamOf)
  const keyPrefix = String(client.options.keyPrefix ?? "")
  return {
    keyPrefix,
    routeOf,
    connectionOf: (name: string) => streamOf(routeOf(keyPrefix + name)),
    whenReady: (start: () => void) => {
      if (settled.has(client.status) || client.options.enableOfflineQueue === false) {
        start()
        return undefined
      }
      const cancel = waiting.add(start)
      if (client.status === "wait") client.connect().catch(noop)
      return cancel
    },
    get: (name: string, route: string) => {
      together.join(route)
      return client.getBuffer(name)
    },
    // Not `callBuffer`, which loses the command's name under `enableAutoPipelining`.
    evaluate: (command, body, names, args) =>
      command === "EVAL"
        ? client.evalBuffer(body, names.length, ...names, ...asArguments(args))
        : client.evalshaBuffer(body, names.length, ...names, ...asArguments(args)),
    onEnd: (listener) => {
      client.on("end", listener)
      return () => client.off("end", listener)
    }
  } satisfies Partial<RedisPort>
}

const scanOf =
  (node: Commands): Scan =>
  (cursor, pattern, type) =>
    node.scanBuffer(cursor, "MATCH", pattern, "COUNT", scanCount, "TYPE", type)

const masterAt = (cluster: Cluster, route: string): Redis | undefined =>
  cluster.nodes("master").find(({ options: { host, port } }) => `${host}:${port}` === route)

const overCluster = (cluster: Cluster): RedisPort => ({
  ...common(
    cluster,
    (channel) => cluster.slots[slotOf(channel)]?.[0] ?? "",
    (route) => masterAt(cluster, route)?.stream
  ),
  sharded: true,
  // Any other setting sends reads to replicas, which may not yet have a delete.
  readsMaster: (cluster.options.scaleReads ?? "master") === "master",
  scans: async () => cluster.nodes("master").map(scanOf),
  patternRoute: anywhere,
  push: async (route, events, signal) => {
    const node = route === anywhere ? anyOf(cluster.nodes("master")) : masterAt(cluster, route)
    if (node === undefined) throw new Error(`no master of the cluster is at ${route || "any known address"}`)
    return subscriber(node, route !== anywhere, events, signal)
  }
})

const overRedis = (redis: Redis): RedisPort => ({
  ...common(
    redis,
    () => "",
    () => redis.stream
  ),
  sharded: false,
  getMany: (names) => redis.mgetBuffer(...names),
  readsMaster: true,
  scans: async () => [scanOf(redis)],
  patternRoute: "",
  push: async (_, events, signal) => {
    // The end of a closed client has been reported already, so a copy would outlive it.
    if (redis.status === "end") throw new Error("the client is closed")
    return subscriber(redis, false, events, signal)
  }
})

/** The port over an ioredis client. */
export const ioRedisPort = (client: IoRedisClient): RedisPort => {
  const redis = client as Redis | Cluster
  return isCluster(redis) ? overCluster(redis) : overRedis(redis)
}

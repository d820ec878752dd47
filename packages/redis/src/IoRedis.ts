/**
 * The port over ioredis: `Redis` (Sentinel included) and `Cluster`.
 */
import {
  asArguments,
  type Emitter,
  noop,
  type Push,
  type PushEvents,
  type RedisPort,
  type Send,
  Waiting
} from "./RedisPort.ts"
import { slotOf } from "./Slot.ts"

/** What is used of an ioredis client. A `Redis` and a `Cluster` both are one. */
export interface IoRedisClient extends Emitter {
  readonly status: string
  connect(): Promise<unknown>
  getBuffer(key: string): Promise<unknown>
  callBuffer(command: string, args: Array<string | Buffer | number>): Promise<unknown>
}

/** The rest, which differs between the two. */
interface Redis extends IoRedisClient {
  readonly options: Options
  readonly stream?: { cork(): void; uncork(): void }
  duplicate(override: object): Subscribing
}

interface Cluster extends IoRedisClient {
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
  ssubscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  sunsubscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  disconnect(): void
}

/** Whether a client is ioredis's, by its shape. */
export const isIoRedis = (client: object): client is IoRedisClient =>
  "callBuffer" in client && typeof client.callBuffer === "function" && "status" in client

const isCluster = (client: Redis | Cluster): client is Cluster => (client as { isCluster?: boolean }).isCluster === true

/** What a subscriber is for: to be told, at once, and to tell when it is no longer told. */
const subscriberOptions = {
  lazyConnect: true,
  keyPrefix: "",
  // The watchers ask again when a connection is lost, and the next one who watches opens another.
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
  redis.on("end", () => events.lost(last))
  // The slot has moved to another node, and the subscription has ended here.
  redis.on("moved", events.lost)
  signal.addEventListener("abort", () => redis.disconnect())
  try {
    await redis.connect()
  } catch (error) {
    throw last ?? error
  }
  return sharded
    ? {
        subscribe: (channel) => redis.ssubscribe(channel),
        unsubscribe: (channel) => redis.sunsubscribe(channel),
        ping: () => redis.ping()
      }
    : {
        subscribe: (channel) => redis.subscribe(channel),
        unsubscribe: (channel) => redis.unsubscribe(channel),
        ping: () => redis.ping()
      }
}

/**
 * Lets the hits of one turn of the event loop leave in one write. Where many callers hit at once the system
 * calls are most of what a hit costs, here and on the server (docs/decisions/redis-hit-path.md). Scripts are
 * left alone: they keep the server busy, which had better begin with the first of them.
 */
class Together {
  private stream: Redis["stream"]
  private readonly redis: Redis

  constructor(redis: Redis) {
    this.redis = redis
  }

  readonly join = (): void => {
    if (this.stream !== undefined || this.redis.stream === undefined) return
    this.stream = this.redis.stream
    this.stream.cork()
    process.nextTick(this.leave)
  }

  private readonly leave = (): void => {
    this.stream?.uncork()
    this.stream = undefined
  }
}

const connected = new Set(["ready", "end", "disconnecting"])

const common = (client: Redis | Cluster, beforeGet: () => void) => {
  const waiting = new Waiting(client)
  return {
    keyPrefix: String(client.options.keyPrefix ?? ""),
    whenReady: (start: () => void) => {
      if (connected.has(client.status) || client.options.enableOfflineQueue === false) {
        start()
        return undefined
      }
      const cancel = waiting.add(start)
      if (client.status === "wait") client.connect().catch(noop)
      return cancel
    },
    get: (name: string) => {
      beforeGet()
      return client.getBuffer(name)
    },
    evaluate: (command, body, name, lease, args) =>
      client.callBuffer(command, [body, 2, name, lease, ...asArguments(args)]),
    onEnd: (listener) => {
      client.on("end", listener)
      return () => client.off("end", listener)
    }
  } satisfies Partial<RedisPort>
}

const sendTo =
  (node: IoRedisClient): Send =>
  ([command, ...args]) =>
    node.callBuffer(command!, args)

const nodeKey = ({ options: { host, port } }: Redis): string => `${host}:${port}`

const overCluster = (cluster: Cluster): RedisPort => ({
  ...common(cluster, noop),
  sharded: true,
  // Anything else sends reads to replicas, which may not yet know of a delete.
  readsMaster: (cluster.options.scaleReads ?? "master") === "master",
  masters: async () => cluster.nodes("master").map(sendTo),
  routeOf: (channel) => cluster.slots[slotOf(channel)]?.[0] ?? "",
  push: async (route, events, signal) => {
    const node = cluster.nodes("master").find((candidate) => nodeKey(candidate) === route)
    if (node === undefined) throw new Error(`no master of the cluster is at ${route || "any known address"}`)
    return subscriber(node, true, events, signal)
  }
})

const overRedis = (redis: Redis): RedisPort => ({
  ...common(redis, new Together(redis).join),
  sharded: false,
  readsMaster: true,
  masters: async () => [sendTo(redis)],
  routeOf: () => "",
  push: (_, events, signal) => subscriber(redis, false, events, signal)
})

/** The port over an ioredis client. */
export const ioRedisPort = (client: IoRedisClient): RedisPort => {
  const redis = client as Redis | Cluster
  return isCluster(redis) ? overCluster(redis) : overRedis(redis)
}

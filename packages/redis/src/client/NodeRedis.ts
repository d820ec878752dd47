/**
 * The port over node-redis: the clients that `createClient` and `createCluster` of the package `redis` make.
 */
import {
  type Argument,
  anyOf,
  anywhere,
  asArguments,
  type Emitter,
  type Push,
  type PushEvents,
  type RedisPort,
  type Scan,
  scanCount,
  type Topic,
  Waiting
} from "./RedisPort.ts"
import { slotOf } from "./Slot.ts"

/** The part of a node-redis client that is used. A client and a cluster both have it. */
export interface NodeRedisClient extends Emitter {
  readonly isOpen: boolean
  readonly isReady: boolean
  withTypeMapping(mapping: any): unknown
  duplicate(overrides?: any): unknown
  sendCommand(...args: Array<any>): Promise<unknown>
}

interface Options {
  readonly keyPrefix?: string | Buffer
  readonly socket?: object
}

interface Client extends NodeRedisClient {
  readonly options: Options
  duplicate(overrides: object): Subscribing
  sendCommand(args: ReadonlyArray<string | Buffer>, options?: object): Promise<unknown>
}

interface Cluster extends NodeRedisClient {
  readonly _options: Options
  readonly slots: ReadonlyArray<{ readonly master: Master } | undefined>
  readonly masters: ReadonlyArray<Master>
  nodeClient(node: Master): Promise<Client>
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean,
    args: ReadonlyArray<string | Buffer>,
    options?: object
  ): Promise<unknown>
}

interface Master {
  readonly address: string
}

type Listener = (message: string, channel: string) => void

interface Subscribing extends Emitter {
  readonly isOpen: boolean
  connect(): Promise<unknown>
  subscribe(channel: string, listener: Listener): Promise<unknown>
  pSubscribe(pattern: string, listener: Listener): Promise<unknown>
  sSubscribe(channel: string, listener: Listener): Promise<unknown>
  unsubscribe(channel: string, listener: Listener): Promise<unknown>
  pUnsubscribe(pattern: string): Promise<unknown>
  sUnsubscribe(channel: string, listener: Listener): Promise<unknown>
  ping(): Promise<unknown>
  destroy(): void
}

/**
 * True for a client of node-redis, by its shape. Its pool and its Sentinel client are refused: they pass each command
 * to another connection, and neither has a single one to copy for messages.
 */
export const isNodeRedis = (client: object): client is NodeRedisClient =>
  "withTypeMapping" in client &&
  typeof client.withTypeMapping === "function" &&
  "duplicate" in client &&
  ("nodeClient" in client || "subscribe" in client) &&
  !("execute" in client) &&
  !("getSentinelNode" in client)

const isCluster = (client: object): client is Cluster => "nodeClient" in client

/** Bulk and simple strings as bytes. */
const asBytes = { typeMapping: { 36: Buffer, 43: Buffer } }

/** No timer of the client's own: every call here has one, and waits for the connection before it is sent. */
const asBytesNow = { ...asBytes, timeout: 0 }

const subscriber = async (node: Client, sharded: boolean, events: PushEvents, signal: AbortSignal): Promise<Push> => {
  signal.throwIfAborted()
  const redis = node.duplicate({
    // Watchers ask again when a connection is lost, and the next watcher opens another. A silent one is not lost: it
    // may have no message, and it is pinged.
    socket: { ...node.options.socket, reconnectStrategy: false, socketTimeout: 0 },
    commandsQueueMaxLength: undefined,
    clientSideCache: undefined,
    emitInvalidate: false,
    maintNotifications: "disabled",
    disableClientInfo: true,
    database: 0
  })
  redis.on("error", events.lost)
  redis.on("end", events.lost)
  redis.on("sharded-channel-moved", events.lost)
  signal.addEventListener("abort", () => {
    if (redis.isOpen) redis.destroy()
  })
  await redis.connect()
  const listener: Listener = (message, channel) => events.message(channel, message)
  return {
    subscribe: ({ name, pattern }) =>
      pattern
        ? redis.pSubscribe(name, (message, channel) => events.patternMessage(name, channel, message))
        : sharded
          ? redis.sSubscribe(name, listener)
          : redis.subscribe(name, listener),
    unsubscribe: ({ name, pattern }: Topic) =>
      pattern
        ? redis.pUnsubscribe(name)
        : sharded
          ? redis.sUnsubscribe(name, listener)
          : redis.unsubscribe(name, listener),
    ping: () => redis.ping()
  }
}

const evaluation = (
  command: string,
  body: string,
  names: ReadonlyArray<string>,
  args: ReadonlyArray<Argument>
): ReadonlyArray<string | Buffer> => [command, body, String(names.length), ...names, ...asArguments(args)]

const scanOf =
  (client: Client): Scan =>
  (cursor, pattern, type) =>
    client.sendCommand(["SCAN", cursor, "MATCH", pattern, "COUNT", scanCount, "TYPE", type], asBytes)

const onEnd =
  (client: Emitter) =>
  (listener: () => void): (() => void) => {
    client.on("end", listener)
    return () => client.off("end", listener)
  }

const overClient = (client: Client): RedisPort => {
  const waiting = new Waiting(client)
  const keyPrefix = String(client.options.keyPrefix ?? "")
  const send = (args: ReadonlyArray<string | Buffer>) => client.sendCommand(args, asBytesNow)
  return {
    sharded: false,
    keyPrefix,
    readsMaster: true,
    whenReady: (start) => {
      if (!client.isReady && client.isOpen) return waiting.add(start)
      start()
      return undefined
    },
    // Commands sent like this get no prefix from the client.
    get: (name) => send(["GET", keyPrefix + name]),
    getMany: (names) => send(["MGET", ...names.map((name) => keyPrefix + name)]),
    evaluate: (command, body, names, args) =>
      send(
        evaluation(
          command,
          body,
          names.map((name) => keyPrefix + name),
          args
        )
      ),
    scans: async () => [scanOf(client)],
    routeOf: () => "",
    patternRoute: "",
    push: async (_, events, signal) => {
      // The end of a closed client has been reported already, so a copy would outlive it.
      if (!client.isOpen) throw new Error("the client is closed")
      return subscriber(client, false, events, signal)
    },
    onEnd: onEnd(client)
  }
}

const overCluster = (cluster: Cluster): RedisPort => {
  const keyPrefix = String(cluster._options.keyPrefix ?? "")
  return {
    sharded: true,
    keyPrefix,
    readsMaster: true,
    // Each node has a connection and a queue of its own; the client's timeout takes out what was not sent.
    whenReady: (start) => {
      start()
      return undefined
    },
    get: (name) => cluster.sendCommand(keyPrefix + name, false, ["GET", keyPrefix + name], asBytes),
    evaluate: (command, body, names, args) => {
      const full = names.map((name) => keyPrefix + name)
      return cluster.sendCommand(full[0], false, evaluation(command, body, full, args), asBytes)
    },
    scans: async () => (await Promise.all(cluster.masters.map((master) => cluster.nodeClient(master)))).map(scanOf),
    routeOf: (channel) => cluster.slots[slotOf(channel)]?.master.address ?? "",
    patternRoute: anywhere,
    push: async (route, events, signal) => {
      const { masters } = cluster
      const master = route === anywhere ? anyOf(masters) : masters.find(({ address }) => address === route)
      if (master === undefined) throw new Error(`no master of the cluster is at ${route || "any known address"}`)
      return subscriber(await cluster.nodeClient(master), route !== anywhere, events, signal)
    },
    onEnd: onEnd(cluster)
  }
}

/** The port over a node-redis client. */
export const nodeRedisPort = (client: NodeRedisClient): RedisPort =>
  isCluster(client) ? overCluster(client) : overClient(client as Client)

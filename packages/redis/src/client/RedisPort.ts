/**
 * The part of a Redis client that the adapter needs, in bytes and without the types of either client.
 *
 * The client or the port puts the client's own key prefix before the names given to `get` and `evaluate`. For channels
 * and SCAN no client does so, and `keyPrefix` is the prefix to use.
 */

/** An argument of a script. */
export type Argument = string | Uint8Array

/** The events of a connection that receives messages. */
export interface PushEvents {
  /** Called with a message of a channel that was subscribed to. */
  readonly message: (channel: string, message: string) => void
  /** Called with a message of a channel that a pattern matches. */
  readonly patternMessage: (pattern: string, channel: string, message: string) => void
  /** Called when the connection is gone, or has lost a subscription. Called at least once, perhaps again. */
  readonly lost: (cause: unknown) => void
}

/** A channel, or with `pattern` all channels whose names match. */
export interface Topic {
  readonly name: string
  readonly pattern: boolean
}

/** A connection of our own that receives messages. */
export interface Push {
  readonly subscribe: (topic: Topic) => Promise<unknown>
  readonly unsubscribe: (topic: Topic) => Promise<unknown>
  readonly ping: () => Promise<unknown>
}

/** Gets a page of names of values (strings) or leases (hashes) from one node. */
export type Scan = (cursor: string, pattern: string, type: "string" | "hash") => Promise<unknown>

/** The names that one SCAN looks at. */
export const scanCount = "1000"

export interface RedisPort {
  /** True when the client speaks to a cluster, where messages belong to a shard. */
  readonly sharded: boolean
  /** The prefix that the client puts before every key. */
  readonly keyPrefix: string
  /** True when a plain read always goes to a master. */
  readonly readsMaster: boolean
  /**
   * Calls `start` now, or as soon as the client is connected, so that nothing waits in the client's own queue to be
   * carried out long after its caller has gone. Returns a function that gives up waiting.
   */
  readonly whenReady: (start: () => void) => (() => void) | undefined
  /** `route` is the node that `routeOf` returned recently. */
  readonly get: (name: string, route: string) => Promise<unknown>
  /** Reads many values at once. Absent in a cluster, where they are at several nodes. */
  readonly getMany?: ((names: ReadonlyArray<string>) => Promise<unknown>) | undefined
  /** `body` is the script for EVAL, its digest for EVALSHA. */
  readonly evaluate: (
    command: "EVAL" | "EVALSHA",
    body: string,
    names: ReadonlyArray<string>,
    args: ReadonlyArray<Argument>
  ) => Promise<unknown>
  /**
   * The connection that takes the commands of a name. Present where the client sends a command again, by itself, when
   * its connection breaks before the reply has come: the connection then differs.
   */
  readonly connectionOf?: ((name: string) => unknown) | undefined
  /** A scan for each master, which lists its names. */
  readonly scans: () => Promise<ReadonlyArray<Scan>>
  /** The node that has a key and the messages of its channel. Always the same one without a cluster. */
  readonly routeOf: (channel: string) => string
  /** The node at which patterns are subscribed to; `anywhere` in a cluster. */
  readonly patternRoute: string
  /** Opens a connection for messages to that node, which lasts until the signal. */
  readonly push: (route: string, events: PushEvents, signal: AbortSignal) => Promise<Push>
  /** Calls `listener` when the client is closed for good. Returns a function that removes the listener. */
  readonly onEnd: (listener: () => void) => () => void
}

/** The part of an event emitter that is needed. */
export interface Emitter {
  on(event: string, listener: (...args: Array<any>) => void): unknown
  off(event: string, listener: (...args: Array<any>) => void): unknown
}

/** The calls that wait for a client to connect. They share one listener on it, and leave none when no call waits. */
export class Waiting {
  private readonly starts = new Set<() => void>()
  private readonly client: Emitter

  constructor(client: Emitter) {
    this.client = client
  }

  add(start: () => void): () => void {
    if (this.starts.size === 0) {
      this.client.on("ready", this.flush)
      this.client.on("end", this.flush)
    }
    this.starts.add(start)
    return () => {
      if (this.starts.delete(start)) this.rest()
    }
  }

  /** Also runs when the client ends: a closed client refuses the command, and so the call ends. */
  private readonly flush = (): void => {
    const starts = [...this.starts]
    this.starts.clear()
    this.rest()
    for (const start of starts) start()
  }

  private rest(): void {
    if (this.starts.size > 0) return
    this.client.off("ready", this.flush)
    this.client.off("end", this.flush)
  }
}

/** The same bytes as the `Buffer` that clients want. */
export const asBuffer = ({ buffer, byteLength, byteOffset }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

/** Arguments as clients want them. */
export const asArguments = (args: ReadonlyArray<Argument>): Array<string | Buffer> =>
  args.map((arg) => (typeof arg === "string" ? arg : asBuffer(arg)))

/**
 * Any master of a cluster, because the messages for patterns visit all masters. It has a connection of its own: servers
 * count the channels of shards separately, so a client would take the end of the last one for the end of all messages.
 */
export const anywhere = "*"

/** A random node, so that not all processes choose the same one. */
export const anyOf = <A>(nodes: ReadonlyArray<A>): A | undefined => nodes[Math.floor(Math.random() * nodes.length)]

export const noop = (): void => {}

/**
 * The primary: it owns the namespaces, answers every link, and gives back a link's leases as soon as the link is
 * closed.
 */
import cluster, { type Worker } from "node:cluster"
import { randomUUID } from "node:crypto"
import { Check, Failures, Unsupported } from "@cache-locking/core"
import { isPort, type Port, type PortLike, portOf } from "../wire/Ports.ts"
import { serializeError } from "../wire/SerializedError.ts"
import {
  type ClientItem,
  clientItemOf,
  type Fault,
  type Frame,
  type PrimaryItem,
  readFrame,
  version
} from "../wire/Wire.ts"
import { ClientLink, type Opened } from "./ClientLink.ts"
import { Refused, reasonOf } from "./Refused.ts"
import { Space } from "./Space.ts"
import { boundsOf, differences, nameOf, type SpaceBounds, type SpaceOptions } from "./SpaceOptions.ts"
import { isOfHolder, run } from "./Verbs.ts"

/** Figures of a primary. */
export interface PrimaryStats {
  /** Links that are open. */
  readonly links: number
  /** Messages on the same channels that were foreign or malformed. */
  readonly ignored: number
  /** Namespaces that were opened. */
  readonly namespaces: number
}

/** A channel that is served, and the links over it. */
interface Channel {
  readonly port: Port
  readonly links: Map<string, ClientLink>
  unlisten: () => void
}

/** The most namespaces of a primary. An empty one takes about a kilobyte. */
const maxNamespaces = 100_000

const faultOf = (error: unknown): Fault => {
  const { cause, ...fault } = reasonOf(error)
  return Failures.isError(cause) ? { ...fault, cause: serializeError(cause) } : fault
}

/** A name and options as another process sent them. */
const given = (name: string, options: object | null): [name: string, bounds: SpaceBounds | undefined] => {
  try {
    return [nameOf(name), options === null ? undefined : boundsOf(options as SpaceOptions)]
  } catch {
    throw new Refused("Malformed", "the options are malformed")
  }
}

export class Primary {
  /**
   * The version of the protocol, and of the members that other copies of this package in this process call: `space`,
   * `run`, `serve`, `destroy`.
   */
  readonly version = version
  /** Carries out a call of this process, by the verbs of the copy that made the namespace. */
  readonly run = run
  private readonly id = randomUUID()
  private readonly spaces = new Map<string, Space>()
  private readonly channels = new Map<object, Channel>()
  private ignored = 0
  private closed = false

  /** Returns the namespace, which the first call makes. Refuses options that differ from those of the first call. */
  space(name: string, bounds: SpaceBounds | undefined): Space {
    if (this.closed) throw new Refused("Failed", "this primary was closed")
    const space = this.spaces.get(name)
    if (space === undefined) {
      if (this.spaces.size >= maxNamespaces)
        throw new Refused("Namespace", `there are ${maxNamespaces} namespaces, the most of a primary: destroy some`)
      const made = new Space(bounds ?? boundsOf({}))
      this.spaces.set(name, made)
      return made
    }
    const different = bounds === undefined ? [] : differences(space.declared, bounds)
    if (different.length === 0) return space
    const options = different.join(", ")
    throw new Refused("Namespace", `the namespace ${JSON.stringify(name)} is open with other options: ${options}`)
  }

  /**
   * Destroys a namespace: its values, its leases, its figures and its options. The next call to it opens it anew. Returns
   * the number of values that it had.
   */
  readonly destroy = (name: string): number => {
    const space = this.spaces.get(name)
    this.spaces.delete(name)
    return space?.destroy() ?? 0
  }

  /**
   * Serves a channel: a `MessagePort`, a thread's `Worker`, a child process with IPC, a cluster's worker.
   *
   * @returns the function that ends the service
   */
  readonly serve = (given: PortLike): (() => void) => {
    if (!isPort(given)) {
      throw Check.invalid("port", typeof given, "a MessagePort, a Worker or a process with an IPC channel")
    }
    const end = () => this.end(given)
    if (this.channels.has(given) || this.closed) return end
    const channel: Channel = { port: portOf(given), links: new Map(), unlisten: () => {} }
    channel.unlisten = channel.port.listen((message) => this.receive(channel, message), end)
    this.channels.set(given, channel)
    // A worker that started before the primary waits for it.
    this.announce(channel, ["announce", this.id])
    return end
  }

  /** Sends an item to every link of a channel, including those without a handshake. */
  private announce({ port }: Channel, item: PrimaryItem): void {
    const frame: Frame<PrimaryItem> = { cacheLocking: version, to: "client", link: "", items: [item] }
    port.send(frame, () => {})
  }

  private end(given: object): void {
    const channel = this.channels.get(given)
    if (channel === undefined) return
    this.channels.delete(given)
    channel.unlisten()
    for (const link of channel.links.values()) link.close()
  }

  private receive(channel: Channel, message: unknown): void {
    const frame = readFrame(message, "primary")
    if (frame === "foreign") this.ignored++
    else if (frame === "version") {
      this.ignored++
      // The other end reads our version from it.
      this.announce(channel, ["announce", this.id])
    } else {
      for (const each of frame.items) {
        const item = clientItemOf(each)
        if (item === undefined) this.ignored++
        else this.handle(channel, frame.link, item)
      }
    }
  }

  private handle(channel: Channel, name: string, item: ClientItem): void {
    const link = channel.links.get(name)
    if (item[0] === "handshake") {
      const mode = item[1] instanceof Uint8Array ? "structured" : "text"
      const accepted = link ?? new ClientLink(name, channel.port, mode)
      channel.links.set(name, accepted)
      accepted.queue.push(["handshake", this.id, mode])
    } else if (link === undefined) this.ignored++
    else if (item[0] === "open") link.opened.set(item[1], this.open(item[2], item[3]))
    else if (item[0] === "unsubscribe") link.unsubscribe(item[1])
    else link.queue.push(this.call(link, item))
  }

  /** The first to open a namespace decides about its options, with or without a call. */
  private open(name: string, options: object | null): Opened {
    const opened: Opened = { name, options, space: undefined }
    try {
      this.spaceOf(opened)
    } catch {
      // Each call says it.
    }
    return opened
  }

  /** The namespace, which is opened again if it was destroyed or refused. */
  private spaceOf(opened: Opened): Space {
    const { name, options, space } = opened
    if (space !== undefined && !space.closed) return space
    opened.space = this.space(...given(name, options))
    return opened.space
  }

  private call(
    link: ClientLink,
    [, id, handle, verb, args]: Extract<ClientItem, readonly ["call", ...any]>
  ): PrimaryItem {
    const opened = link.opened.get(handle)
    if (opened === undefined) return ["fault", id, { reason: "Malformed", message: "the namespace was not opened" }]
    try {
      if (verb === "destroy") return ["result", id, this.destroy(opened.name)]
      const ended = isOfHolder(verb) && opened.space?.destroyed === true ? opened.space : undefined
      const space = ended ?? this.spaceOf(opened)
      return ["result", id, run(space, verb, args, link)]
    } catch (error) {
      return ["fault", id, faultOf(error)]
    }
  }

  get stats(): PrimaryStats {
    let links = 0
    for (const channel of this.channels.values()) links += channel.links.size
    return { links, ignored: this.ignored, namespaces: this.spaces.size }
  }

  /** Serves the workers of `node:cluster`, present and future. */
  serveCluster(): void {
    for (const worker of Object.values(cluster.workers ?? {})) if (worker !== undefined) this.serve(worker)
    cluster.on("fork", this.forked)
  }

  private readonly forked = (worker: Worker): void => {
    this.serve(worker)
  }

  /** Closes all links and drops all namespaces. */
  readonly close = (): void => {
    this.closed = true
    cluster.off("fork", this.forked)
    for (const [given, channel] of [...this.channels]) {
      this.announce(channel, ["close"])
      this.end(given)
    }
    for (const space of this.spaces.values()) space.close()
    this.spaces.clear()
    if (holder[held] === this) holder[held] = undefined
  }
}

const held = Symbol.for("@cache-locking/cluster/primary")

/** Node has one such object in a process, for all copies of this package and in all realms. */
const holder = cluster as unknown as { [held]: Primary | undefined }

const refuse = (message: string): Unsupported =>
  new Unsupported({ context: { phase: "options", adapter: "cluster" }, message })

/**
 * Makes this process the primary: it keeps the data, and serves the workers of `node:cluster`. Safe to repeat, also by another
 * copy of this package. Threads and other child processes are served by `serve`.
 *
 * @example
 * ```ts
 * import { Cluster } from "@cache-locking/cluster"
 *
 * const primary = Cluster.bootstrap()
 * ```
 *
 * @throws Unsupported in a worker of `node:cluster`, or beside a primary of another version of this package
 */
export const bootstrap = (): Primary => {
  if (cluster.isWorker) {
    throw refuse(
      "bootstrap() makes a primary, and this process is a worker of node:cluster: call it in the process that forked the workers"
    )
  }
  const found = ofProcess()
  if (found !== undefined) return found
  const primary = new Primary()
  holder[held] = primary
  primary.serveCluster()
  return primary
}

/**
 * The primary, if this process is one.
 *
 * @throws Unsupported when it is of another version of this package
 */
export const ofProcess = (): Primary | undefined => {
  const found = holder[held]
  if (found === undefined || found.version === version) return found
  throw refuse(
    `another version of @cache-locking/cluster (protocol ${found.version}) serves this process: install only one`
  )
}

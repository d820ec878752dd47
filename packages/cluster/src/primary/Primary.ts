/**
 * The primary's end: it owns the namespaces, answers every link, and frees what a link held the moment that it is gone.
 */
import cluster, { type Worker } from "node:cluster"
import { randomUUID } from "node:crypto"
import { Check } from "@cache-locking/core"
import { isPort, type Port, type PortLike, portOf } from "../wire/Ports.ts"
import { SendQueue } from "../wire/SendQueue.ts"
import { serializeError } from "../wire/SerializedError.ts"
import {
  type ClientItem,
  clientItemOf,
  type Fault,
  type Frame,
  type Mode,
  type PrimaryItem,
  readFrame,
  version
} from "../wire/Wire.ts"
import { Refused, Space } from "./Space.ts"
import { boundsOf, disagreement, type SpaceBounds, type SpaceOptions } from "./SpaceOptions.ts"
import { type Asker, run, type Scan } from "./Verbs.ts"

/** What a primary has seen. */
export interface PrimaryStats {
  /** Workers' links that are open. */
  readonly links: number
  /** Messages of others on the same channels, and of no known shape. */
  readonly ignored: number
  /** Namespaces that were opened. */
  readonly namespaces: number
}

/** One link, as the primary sees it. */
class ClientLink implements Asker {
  readonly link: string
  readonly queue: SendQueue<PrimaryItem>
  readonly spaces = new Map<number, Space | Fault>()
  readonly scans = new Map<number, Scan>()
  private readonly subscriptions = new Map<number, () => void>()

  constructor(link: string, port: Port, mode: Mode) {
    this.link = link
    this.queue = new SendQueue<PrimaryItem>(port, "link", link, () => true)
    this.queue.mode = mode
  }

  readonly subscribe: Asker["subscribe"] = (id, begin) => {
    this.drop(id)
    this.subscriptions.set(
      id,
      begin((key) => this.queue.push(["told", id, key]))
    )
  }

  drop(id: number): void {
    this.subscriptions.get(id)?.()
    this.subscriptions.delete(id)
  }

  /** Forgets all of it, and gives its leases back. */
  leave(): void {
    for (const id of [...this.subscriptions.keys()]) this.drop(id)
    this.queue.clear()
    for (const space of new Set(this.spaces.values())) if (space instanceof Space) space.free(this.link)
  }
}

/** A channel that is served. */
interface Served {
  readonly port: Port
  readonly guests: Map<string, ClientLink>
  unlisten: () => void
}

const faultOf = (error: unknown): Fault => {
  if (error instanceof Refused) return { reason: error.reason, message: error.message }
  if (!(error instanceof Error)) return { reason: "Failed", message: "the primary broke at it" }
  return { reason: "Failed", message: "the primary broke at it", cause: serializeError(error) }
}

export class Primary {
  private readonly id = randomUUID()
  private readonly spaces = new Map<string, Space>()
  private readonly served = new Map<object, Served>()
  private ignored = 0
  private closed = false

  /** The namespace, made if it is not there; other options than it was made with are refused. */
  space(name: string, bounds: SpaceBounds | undefined): Space {
    if (this.closed) throw new Refused("Failed", "this primary was closed")
    const there = this.spaces.get(name)
    if (there === undefined) {
      const made = new Space(name, bounds ?? boundsOf({}))
      this.spaces.set(name, made)
      return made
    }
    const differing = bounds === undefined ? [] : disagreement(there.declared, bounds)
    if (differing.length === 0) return there
    const words = differing.join(", ")
    throw new Refused("Namespace", `the namespace ${JSON.stringify(name)} is open with other options: ${words}`)
  }

  /**
   * Serves a channel: a `MessagePort`, a thread's `Worker`, a child process with IPC, a cluster's worker.
   *
   * @returns what ends that
   */
  readonly serve = (given: PortLike): (() => void) => {
    if (!isPort(given)) {
      throw Check.invalid("port", typeof given, "a MessagePort, a Worker or a process with an IPC channel")
    }
    const known = this.served.get(given)
    const end = () => this.leave(given)
    if (known !== undefined || this.closed) return end
    const port = portOf(given)
    const served: Served = { port, guests: new Map(), unlisten: () => {} }
    served.unlisten = port.listen((message) => this.receive(served, message), end)
    this.served.set(given, served)
    // A worker that was there first has been knocking.
    this.announce(served, ["here", this.id])
    return end
  }

  private announce({ port }: Served, item: PrimaryItem): void {
    const frame: Frame<PrimaryItem> = { cacheLocking: version, to: "link", link: "", items: [item] }
    port.post(frame, () => {})
  }

  private leave(given: object): void {
    const served = this.served.get(given)
    if (served === undefined) return
    this.served.delete(given)
    served.unlisten()
    for (const guest of served.guests.values()) guest.leave()
  }

  private receive(served: Served, message: unknown): void {
    const frame = readFrame(message, "primary")
    if (frame === "foreign") this.ignored++
    else if (frame === "version") {
      this.ignored++
      // The other end reads our version from it.
      this.announce(served, ["here", this.id])
    } else {
      for (const item of frame.items) {
        const asking = clientItemOf(item)
        if (asking === undefined) this.ignored++
        else this.hear(served, frame.link, asking)
      }
    }
  }

  private hear(served: Served, link: string, item: ClientItem): void {
    const guest = served.guests.get(link)
    if (item[0] === "hello") {
      const mode = item[1] instanceof Uint8Array ? "structured" : "text"
      const welcomed = guest ?? new ClientLink(link, served.port, mode)
      served.guests.set(link, welcomed)
      welcomed.queue.push(["welcome", this.id, mode])
    } else if (guest === undefined) this.ignored++
    else if (item[0] === "open") guest.spaces.set(item[1], this.opened(item[2], item[3]))
    else if (item[0] === "drop") guest.drop(item[1])
    else if (item[0] === "bye") {
      served.guests.delete(link)
      guest.leave()
    } else guest.queue.push(this.answer(guest, item))
  }

  private opened(name: string, options: object | null): Space | Fault {
    try {
      return this.space(name, options === null ? undefined : boundsOf(options as SpaceOptions))
    } catch (error) {
      return error instanceof Refused ? faultOf(error) : { reason: "Malformed", message: "the options are malformed" }
    }
  }

  private answer(
    guest: ClientLink,
    [, id, handle, verb, args]: Extract<ClientItem, readonly ["ask", ...any]>
  ): PrimaryItem {
    const space = guest.spaces.get(handle)
    if (space === undefined) return ["no", id, { reason: "Malformed", message: "the namespace was not opened" }]
    if (!(space instanceof Space)) return ["no", id, space]
    try {
      return ["ok", id, run(space, verb, args, guest)]
    } catch (error) {
      return ["no", id, faultOf(error)]
    }
  }

  get stats(): PrimaryStats {
    let links = 0
    for (const { guests } of this.served.values()) links += guests.size
    return { links, ignored: this.ignored, namespaces: this.spaces.size }
  }

  /** Serves the workers of `node:cluster`, those that are there and those to come. */
  serveCluster(): void {
    for (const worker of Object.values(cluster.workers ?? {})) if (worker !== undefined) this.serve(worker)
    cluster.on("fork", this.forked)
  }

  private readonly forked = (worker: Worker): void => {
    this.serve(worker)
  }

  /** Ends all links and forgets all namespaces. */
  readonly close = (): void => {
    this.closed = true
    cluster.off("fork", this.forked)
    for (const [given, served] of [...this.served]) {
      this.announce(served, ["bye"])
      this.leave(given)
    }
    for (const space of this.spaces.values()) space.close()
    this.spaces.clear()
    if (current === this) current = undefined
  }
}

let current: Primary | undefined

/**
 * Makes this process the primary: it keeps the data, and serves the workers of `node:cluster` without more ado. Safe to
 * repeat. Workers of `worker_threads` and child processes are served by `serve`.
 *
 * @example
 * ```ts
 * import { Cluster } from "@cache-locking/cluster"
 *
 * const primary = Cluster.bootstrap()
 * ```
 */
export const bootstrap = (): Primary => {
  if (current === undefined) {
    current = new Primary()
    if (cluster.isPrimary) current.serveCluster()
  }
  return current
}

/** The primary of this process, if it is one. */
export const ofProcess = (): Primary | undefined => current

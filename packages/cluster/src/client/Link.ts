/**
 * The client's end of a link to the primary: calls, each with a result or a typed failure in bounded time, and
 * subscriptions.
 */
import { randomUUID } from "node:crypto"
import type { Port } from "../wire/Ports.ts"
import { SendQueue } from "../wire/SendQueue.ts"
import {
  type ClientItem,
  type Mode,
  type PrimaryItem,
  primaryItemOf,
  type Received,
  readFrame,
  version
} from "../wire/Wire.ts"
import { ClusterError, ofFault } from "./ClusterError.ts"
import { type CallHandlers, PendingCalls } from "./PendingCalls.ts"

/** Called for a subscription. */
export interface Subscriber {
  readonly changed: (key: string) => void
  /** Called when the primary is gone, and the subscription with it. */
  readonly lost: () => void
}

/** Figures of a link. */
export interface LinkStats {
  /** Messages on the same channel that were foreign or malformed. */
  readonly ignored: number
  readonly pending: number
}

/** Milliseconds after which a handshake that was not answered is repeated. */
const handshakeEvery = 50

const noPrimary =
  "no primary answered: call Cluster.bootstrap() in the process that forked this one " +
  "(this is not possible where a process manager's own daemon forks the workers, as in PM2's cluster mode)"

export class Link {
  readonly id: string = randomUUID()
  private readonly queue: SendQueue<ClientItem>
  private readonly calls = new PendingCalls(
    (timeout) =>
      new ClusterError({
        reason: "Timeout",
        message: this.primary === undefined ? noPrimary : `no answer within ${timeout} ms`
      })
  )
  private readonly subscribers = new Map<number, Subscriber>()
  private readonly opened: Array<{ readonly name: string; readonly options: object | undefined }> = []
  /** The handles of the same namespaces with the same options. */
  private readonly handles = new Map<string, number>()
  /** Calls that wait for the handshake. */
  private readonly unsent: Array<ClientItem> = []
  /** The primary that answered the handshake. */
  private primary: string | undefined
  private gone: ClusterError | undefined
  private handshaking: NodeJS.Timeout | undefined
  private ids = 0
  private ignored = 0
  private readonly unlisten: () => void

  constructor(port: Port) {
    this.queue = new SendQueue(port, "primary", this.id, (item) => item[0] !== "call" || this.calls.isWanted(item[1]))
    this.unlisten = port.listen(
      (message) => this.receive(readFrame(message, "client")),
      () => this.end(new ClusterError({ reason: "Disconnected", message: "the primary is gone" }))
    )
  }

  get stats(): LinkStats {
    return { ignored: this.ignored, pending: this.calls.size }
  }

  /** A handle by which calls name the namespace. It costs no round trip: the first call learns of a refusal. */
  open(name: string, options: object | undefined): number {
    const same = JSON.stringify([name, options])
    const known = this.handles.get(same)
    if (known !== undefined) return known
    const handle = this.opened.push({ name, options }) - 1
    this.handles.set(same, handle)
    if (this.primary !== undefined) this.queue.push(["open", handle, name, options ?? null])
    return handle
  }

  /** Makes a call. Returns the function that cancels it. */
  call(
    handle: number,
    verb: string,
    args: ReadonlyArray<unknown>,
    timeout: number,
    handlers: CallHandlers
  ): () => void {
    if (this.gone !== undefined) {
      handlers.failed(this.gone)
      return noop
    }
    const id = ++this.ids
    this.calls.add(id, handlers, timeout)
    const item = ["call", id, handle, verb, args] as const
    if (this.primary !== undefined) this.queue.push(item)
    else {
      this.beginHandshake()
      this.unsent.push(item)
    }
    return () => this.calls.cancel(id)
  }

  /** Registers a subscriber. The caller then passes the number to the verb that subscribes. */
  subscribe(subscriber: Subscriber): number {
    const id = ++this.ids
    this.subscribers.set(id, subscriber)
    return id
  }

  unsubscribe(id: number): void {
    if (this.subscribers.delete(id) && this.gone === undefined && this.primary !== undefined)
      this.queue.push(["unsubscribe", id])
  }

  /** Leaves no timer behind, unless a call still waits. The link stays open: it belongs to all caches of the process. */
  rest(): void {
    this.calls.close()
  }

  private end(error: ClusterError): void {
    if (this.gone !== undefined) return
    this.gone = error
    this.unlisten()
    this.reset(error)
    this.calls.close()
  }

  /** Fails all calls that the primary would have answered. */
  private reset(error: ClusterError): void {
    this.primary = undefined
    this.endHandshake()
    this.queue.clear()
    this.unsent.length = 0
    const subscribers = [...this.subscribers.values()]
    this.subscribers.clear()
    this.calls.failAll(error)
    for (const { lost } of subscribers) lost()
  }

  /** Repeats the handshake as long as calls wait for it. */
  private beginHandshake(): void {
    if (this.handshaking !== undefined) return
    this.sendHandshake()
    this.handshaking = setInterval(() => {
      if (this.calls.size > 0) this.sendHandshake()
      else {
        this.endHandshake()
        this.unsent.length = 0
        this.calls.dropLate()
      }
    }, handshakeEvery).unref()
  }

  private sendHandshake(): void {
    this.queue.sendNow(["handshake", new Uint8Array([1])])
  }

  private endHandshake(): void {
    clearInterval(this.handshaking)
    this.handshaking = undefined
  }

  private receive(received: Received): void {
    if (received === "version") {
      const message = `the primary speaks another version of the protocol than ${version}`
      this.end(new ClusterError({ reason: "Version", message }))
    } else if (received === "foreign") this.ignored++
    else if (received.link === "" || received.link === this.id) {
      for (const each of received.items) {
        const item = primaryItemOf(each)
        if (item === undefined) this.ignored++
        else this.handle(item)
      }
    }
  }

  private handle(item: PrimaryItem): void {
    switch (item[0]) {
      case "announce":
        if (this.primary !== undefined && this.primary !== item[1]) this.lose()
        if (this.handshaking !== undefined) this.sendHandshake()
        return
      case "handshake":
        if (this.primary !== item[1]) this.connect(item[1], item[2])
        return
      case "result":
        this.calls.succeed(item[1], item[2])
        return
      case "fault":
        this.calls.fail(item[1], ofFault(item[2]))
        return
      case "changed":
        this.subscribers.get(item[1])?.changed(item[2])
        return
      case "lost":
        this.subscribers.get(item[1])?.lost()
        return
      case "close":
        this.lose()
    }
  }

  private lose(): void {
    this.reset(new ClusterError({ reason: "Disconnected", message: "the primary closed its side" }))
  }

  private connect(primary: string, mode: Mode): void {
    if (this.primary !== undefined) this.lose()
    this.primary = primary
    this.queue.mode = mode
    this.endHandshake()
    for (const [handle, { name, options }] of this.opened.entries()) {
      this.queue.push(["open", handle, name, options ?? null])
    }
    for (const item of this.unsent.splice(0)) this.queue.push(item)
  }
}

const noop = (): void => {}

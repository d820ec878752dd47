/**
 * A worker's end: asks, with an answer or a typed failure in bounded time, and subscriptions.
 */
import { randomUUID } from "node:crypto"
import type { Port } from "../wire/Ports.ts"
import { SendQueue } from "../wire/SendQueue.ts"
import { type ClientItem, type PrimaryItem, primaryItemOf, type Received, readFrame, version } from "../wire/Wire.ts"
import { ClusterError, ofFault } from "./ClusterError.ts"

/** Who is told how an ask ended. */
export interface Asker {
  readonly done: (answer: any) => void
  readonly failed: (error: ClusterError) => void
  /** The answer came when nobody waited for it any more. */
  readonly late?: ((answer: any) => void) | undefined
}

interface Pending extends Asker {
  readonly deadline: number
  readonly timeout: number
}

/** Who is told of a subscription. */
export interface Subscriber {
  readonly told: (key: string) => void
  /** The channel is gone. */
  readonly lost: () => void
}

/** What this end has seen. */
export interface LinkStats {
  /** Messages of others on the same channel, and of no known shape. */
  readonly ignored: number
  readonly pending: number
}

/** While nobody has welcomed us, so often (in milliseconds) it is tried again. */
const knockEvery = 50

const nobody =
  "no primary answered: call Cluster.bootstrap() in the process that forked this one " +
  "(a process manager whose own daemon forks the workers, as PM2's cluster mode, has no place for it)"

export class Link {
  readonly id: string = randomUUID()
  private readonly queue: SendQueue<ClientItem>
  private readonly pending = new Map<number, Pending>()
  /** Asks that were given up, whose answers matter all the same. */
  private readonly givenUp = new Map<number, (answer: any) => void>()
  private readonly subscribers = new Map<number, Subscriber>()
  private readonly opened: Array<{ readonly name: string; readonly options: object | undefined }> = []
  /** Asks of the time before the welcome. */
  private readonly unsent: Array<ClientItem> = []
  private hub: string | undefined
  private gone: ClusterError | undefined
  private knocking: NodeJS.Timeout | undefined
  private sweeping: NodeJS.Timeout | undefined
  private sweepAt = Infinity
  private numbers = 0
  private ignored = 0
  private readonly unlisten: () => void

  constructor(port: Port) {
    this.queue = new SendQueue(port, "primary", this.id, (item) => item[0] !== "ask" || this.isWanted(item[1]))
    this.unlisten = port.listen(
      (message) => this.receive(readFrame(message, "link")),
      () => this.end(new ClusterError({ reason: "Disconnected", message: "the primary is gone" }))
    )
  }

  get stats(): LinkStats {
    return { ignored: this.ignored, pending: this.pending.size }
  }

  /** A handle by which asks name the namespace. It costs no round trip: a refusal is the answer of the first ask. */
  open(name: string, options: object | undefined): number {
    const handle = this.opened.push({ name, options }) - 1
    if (this.hub !== undefined) this.queue.push(["open", handle, name, options ?? null])
    return handle
  }

  /** Asks. What it returns gives the ask up. */
  ask(handle: number, verb: string, args: ReadonlyArray<unknown>, timeout: number, asker: Asker): () => void {
    if (this.gone !== undefined) {
      asker.failed(this.gone)
      return noop
    }
    const id = ++this.numbers
    const deadline = performance.now() + timeout
    const { done, failed, late } = asker
    this.pending.set(id, { done, failed, late, deadline, timeout })
    if (this.hub === undefined) this.knock()
    this.send(["ask", id, handle, verb, args])
    this.sweepBy(deadline)
    return () => this.giveUp(id)
  }

  private send(item: ClientItem): void {
    if (this.hub === undefined) this.unsent.push(item)
    else this.queue.push(item)
  }

  /** A number under which the subscriber is told; asking for the subscription is the caller's. */
  subscribe(subscriber: Subscriber): number {
    const id = ++this.numbers
    this.subscribers.set(id, subscriber)
    return id
  }

  unsubscribe(id: number): void {
    if (this.subscribers.delete(id) && this.gone === undefined && this.hub !== undefined) this.queue.push(["drop", id])
  }

  /** Ends this end: everything pending fails, and the primary frees what was held. */
  close(): void {
    if (this.gone === undefined && this.hub !== undefined) this.queue.sendNow(["bye"])
    this.end(new ClusterError({ reason: "Disconnected", message: "the link was closed" }))
  }

  private end(error: ClusterError): void {
    if (this.gone !== undefined) return
    this.gone = error
    this.unlisten()
    this.reset(error)
    clearTimeout(this.sweeping)
  }

  /** Whoever answered is not there any more. */
  private reset(error: ClusterError): void {
    this.hub = undefined
    clearInterval(this.knocking)
    this.knocking = undefined
    this.queue.clear()
    this.unsent.length = 0
    this.givenUp.clear()
    const pending = [...this.pending.values()]
    const subscribers = [...this.subscribers.values()]
    this.pending.clear()
    this.subscribers.clear()
    for (const { failed } of pending) failed(error)
    for (const { lost } of subscribers) lost()
  }

  private knock(): void {
    if (this.knocking !== undefined) return
    const probe = new Uint8Array([1])
    this.queue.sendNow(["hello", probe])
    this.knocking = setInterval(() => {
      if (this.pending.size > 0) this.queue.sendNow(["hello", probe])
      else {
        clearInterval(this.knocking)
        this.knocking = undefined
        this.unsent.length = 0
        this.givenUp.clear()
      }
    }, knockEvery)
    this.knocking.unref()
  }

  private receive(arrived: Received): void {
    if (arrived === "version") {
      const message = `the primary speaks another version of the protocol than ${version}`
      this.end(new ClusterError({ reason: "Version", message }))
    } else if (arrived === "foreign") this.ignored++
    else if (arrived.link === "" || arrived.link === this.id) {
      for (const item of arrived.items) {
        const telling = primaryItemOf(item)
        if (telling === undefined) this.ignored++
        else this.hear(telling)
      }
    }
  }

  private hear(item: PrimaryItem): void {
    switch (item[0]) {
      case "here":
        if (this.hub !== undefined && this.hub !== item[1]) this.lose()
        if (this.knocking !== undefined) this.queue.sendNow(["hello", new Uint8Array([1])])
        return
      case "welcome":
        if (this.hub !== item[1]) this.welcomed(item[1], item[2])
        return
      case "ok":
        this.answered(item[1], item[2])
        return
      case "no": {
        const pending = this.pending.get(item[1])
        this.pending.delete(item[1])
        this.givenUp.delete(item[1])
        pending?.failed(ofFault(item[2]))
        return
      }
      case "told":
        this.subscribers.get(item[1])?.told(item[2])
        return
      case "bye":
        this.lose()
    }
  }

  private lose(): void {
    this.reset(new ClusterError({ reason: "Disconnected", message: "the primary closed its side" }))
  }

  private welcomed(hub: string, mode: "structured" | "text"): void {
    if (this.hub !== undefined) this.lose()
    this.hub = hub
    this.queue.mode = mode
    clearInterval(this.knocking)
    this.knocking = undefined
    for (const [handle, { name, options }] of this.opened.entries()) {
      this.queue.push(["open", handle, name, options ?? null])
    }
    for (const item of this.unsent.splice(0)) this.queue.push(item)
  }

  private answered(id: number, answer: unknown): void {
    const pending = this.pending.get(id)
    if (pending !== undefined) {
      this.pending.delete(id)
      pending.done(answer)
      return
    }
    const late = this.givenUp.get(id)
    this.givenUp.delete(id)
    late?.(answer)
  }

  private giveUp(id: number): void {
    const pending = this.pending.get(id)
    if (pending === undefined) return
    this.pending.delete(id)
    if (pending.late !== undefined) this.givenUp.set(id, pending.late)
  }

  /** What nobody waits for is never sent, and so never answered. */
  private isWanted(id: number): boolean {
    if (this.pending.has(id)) return true
    this.givenUp.delete(id)
    return false
  }

  /** One timer for all asks: the earliest deadline. */
  private sweepBy(deadline: number): void {
    if (deadline >= this.sweepAt) return
    clearTimeout(this.sweeping)
    this.sweepAt = deadline
    this.sweeping = setTimeout(this.sweep, Math.max(1, deadline - performance.now())).unref()
  }

  private readonly sweep = (): void => {
    this.sweepAt = Infinity
    const now = performance.now()
    let next = Infinity
    const late: Array<Pending> = []
    for (const [id, pending] of this.pending) {
      if (pending.deadline > now) next = Math.min(next, pending.deadline)
      else {
        this.giveUp(id)
        late.push(pending)
      }
    }
    for (const { failed, timeout } of late) {
      const message = this.hub === undefined ? nobody : `no answer within ${timeout} ms`
      failed(new ClusterError({ reason: "Timeout", message }))
    }
    if (next !== Infinity) this.sweepBy(next)
  }
}

const noop = (): void => {}

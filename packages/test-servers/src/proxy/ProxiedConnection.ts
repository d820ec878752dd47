import { connect, type Socket } from "node:net"
import type { Reader } from "./CommandLog.ts"

export type Direction = "up" | "down"

/** The faults of a proxy's connections at this moment. All of them share it, and the proxy changes it. */
export interface Faults {
  readonly delay: Readonly<Record<Direction, number>>
  readonly jitter: number
  /** True when nothing passes in either direction, and neither side notices. */
  readonly held: boolean
  /** Asked for each piece of reply: pass it on, swallow it and all after it, or swallow it and reset the connection. */
  readonly onReply: (lastCommand: string | undefined) => "pass" | "swallow" | "reset"
  /** Changes each piece of reply. */
  readonly rewrite: (piece: Buffer) => Buffer
}

export interface Observer {
  readonly bytes: (direction: Direction, count: number) => void
  readonly command: (name: string, args: ReadonlyArray<string>) => void
  readonly closed: () => void
}

/** An item that waits to be written in one direction: a piece, or the end of the stream. */
interface Item {
  readonly chunk: Buffer | undefined
  readonly due: number
}

interface Lane {
  readonly from: Socket
  readonly to: Socket
  readonly queue: Array<Item>
  timer: NodeJS.Timeout | undefined
}

/** True from the call of `end` until the end has been sent. */
const isEnding = ({ writableEnded, writableFinished }: Socket): boolean => writableEnded && !writableFinished

/** One client's connection and the one to the server behind it, with the faults between them. */
export class ProxiedConnection {
  /** The number of bytes of replies that still pass before the connection ends. */
  replyBytesLeft = Number.POSITIVE_INFINITY
  private readonly lanes: Readonly<Record<Direction, Lane>>
  private readonly reader: ReturnType<Reader>
  private readonly faults: Faults
  private readonly observer: Observer
  private lastCommand: string | undefined
  private holed = false
  private closed = false

  constructor(
    client: Socket,
    target: { host: string; port: number },
    reader: Reader,
    faults: Faults,
    observer: Observer
  ) {
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true })
    this.faults = faults
    this.observer = observer
    this.reader = reader((name, args) => {
      this.lastCommand = name
      observer.command(name, args)
    })
    this.lanes = {
      up: { from: client, to: server, queue: [], timer: undefined },
      down: { from: server, to: client, queue: [], timer: undefined }
    }
    for (const direction of ["up", "down"] as const) this.open(direction)
    if (faults.held) this.hold()
  }

  /** RST to both sides. */
  reset(): void {
    if (this.closed) return
    this.closed = true
    for (const { from, timer } of Object.values(this.lanes)) {
      clearTimeout(timer)
      // A socket that is still connecting has nothing to reset. One whose end is being sent cannot be reset: Node would
      // report that and leave the handle open for ever, and a process with such a handle spins instead of exiting.
      if (from.connecting || isEnding(from)) from.destroy()
      else from.resetAndDestroy()
    }
    this.observer.closed()
  }

  /** Stops reading, so that sent data waits in the kernel, as it would in a failed network. */
  hold(): void {
    for (const { from } of Object.values(this.lanes)) from.pause()
  }

  release(): void {
    // A stream with a gap must be reset, because the next reply would be taken for the lost one.
    if (this.holed) {
      this.reset()
      return
    }
    for (const lane of Object.values(this.lanes)) {
      this.drain(lane)
      lane.from.resume()
    }
  }

  private open(direction: Direction): void {
    const lane = this.lanes[direction]
    lane.from.unref()
    lane.from.on("data", (chunk: Buffer) => this.receive(direction, chunk))
    lane.from.on("end", () => this.enqueue(direction, undefined))
    lane.from.on("drain", () => {
      if (!this.faults.held) this.lanes[direction === "up" ? "down" : "up"].from.resume()
    })
    lane.from.on("error", () => this.reset())
    lane.from.on("close", () => {
      if (lane.from.destroyed && lane.to.destroyed) this.reset()
    })
  }

  private receive(direction: Direction, piece: Buffer): void {
    this.observer.bytes(direction, piece.length)
    if (direction === "up") {
      this.reader.read(piece)
      this.enqueue(direction, piece)
      return
    }
    const chunk = this.faults.rewrite(piece)
    const verdict = this.holed ? "swallow" : this.faults.onReply(this.lastCommand)
    if (verdict === "reset") {
      this.reset()
    } else if (verdict === "swallow") {
      this.holed = true
    } else if (chunk.length <= this.replyBytesLeft) {
      this.replyBytesLeft -= chunk.length
      this.enqueue(direction, chunk)
    } else {
      // FIN and not RST, which could overtake the bytes that may still pass.
      this.enqueue(direction, chunk.subarray(0, this.replyBytesLeft))
      this.enqueue(direction, undefined)
      this.holed = true
    }
  }

  private enqueue(direction: Direction, chunk: Buffer | undefined): void {
    const lane = this.lanes[direction]
    const delay = this.faults.delay[direction]
    const jitter = delay === 0 ? 0 : Math.random() * this.faults.jitter
    // Late, but never out of order: this is a stream.
    const due = Math.max(lane.queue.at(-1)?.due ?? 0, performance.now() + delay + jitter)
    lane.queue.push({ chunk, due })
    if (lane.timer === undefined) this.drain(lane)
  }

  /** Writes the items that are due, and runs again for the others. */
  private drain(lane: Lane): void {
    clearTimeout(lane.timer)
    lane.timer = undefined
    while (!this.closed && !this.faults.held) {
      const next = lane.queue[0]
      if (next === undefined) return
      const wait = next.due - performance.now()
      if (wait > 0) {
        lane.timer = setTimeout(() => this.drain(lane), Math.ceil(wait))
        return
      }
      lane.queue.shift()
      if (next.chunk === undefined) lane.to.end()
      else if (lane.to.writable && !lane.to.write(next.chunk)) lane.from.pause()
    }
  }
}

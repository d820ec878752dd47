/**
 * One change stream of a collection for all who watch in this process: opened when first needed, closed when nobody
 * did for a while.
 *
 * Whether there are change streams is asked, not assumed: a server that stands alone has none.
 */
import type { Document } from "mongodb"
import { following, verbs } from "./Statements.ts"

/** Hears of one key, or of all. */
export interface Listener {
  /** A key changed; `valued` if its value did. */
  readonly told: (key: string, valued: boolean) => void
  /** Nothing is told any more; the seat is gone. */
  readonly lost: () => void
}

/** A place among the listeners. */
export interface Seat {
  /** Resolves once every later change is told. */
  readonly live: Promise<void>
  readonly leave: () => void
}

/** What is used of the driver's change stream. */
export interface Changes {
  on(event: "change" | "resumeTokenChanged" | "error" | "end" | "close", listener: (of: any) => void): unknown
  close(): Promise<void>
}

/** What is used of the driver's collection. */
export interface Watched {
  readonly db: { command(command: Document, options?: object): Promise<Document> }
  watch(pipeline: Array<Document>, options: object): Changes
}

/** The deployment has no change streams. */
export class NoChangeStreams extends Error {
  override readonly name = "NoChangeStreams"
  constructor() {
    super("this server is not a member of a replica set or cluster, which alone have change streams")
  }
}

/** How long the server holds a question back when there is nothing to tell. */
const awaitMs = 1_000
/** Without an answer for so long the stream is lost: five are missing. */
const silentMs = 5 * awaitMs
/** How long a stream is kept that nobody needs. */
const idleMs = 10_000
/** How long it is believed that there are no change streams. */
const absentMs = 60_000

interface Opened {
  readonly live: Promise<void>
  readonly close: (error?: unknown) => void
}

const ends = new Set(["invalidate", "drop", "rename", "dropDatabase"])

const noop = (): void => {}

export class ChangeSubscriber {
  private readonly collection: Watched
  private readonly everything = new Set<Listener>()
  private readonly byKey = new Map<string, Set<Listener>>()
  private opened: Opened | undefined
  private idle: NodeJS.Timeout | undefined
  private absentUntil = 0

  constructor(collection: Watched) {
    this.collection = collection
  }

  /** Joins those who hear of a key, or of all keys. `timeout` bounds how long it may take to be live. */
  join(key: string | undefined, listener: Listener, timeout: number): Seat {
    const listeners = key === undefined ? this.everything : (this.byKey.get(key) ?? new Set())
    if (key !== undefined) this.byKey.set(key, listeners)
    listeners.add(listener)
    clearTimeout(this.idle)
    this.opened ??= this.open(timeout)
    const leave = (): void => {
      if (!listeners.delete(listener)) return
      if (key !== undefined && listeners.size === 0 && this.byKey.get(key) === listeners) this.byKey.delete(key)
      this.rest()
    }
    return { live: this.opened.live, leave }
  }

  /** Ends the stream. All who listen are told, and the next one who joins opens another. */
  close(): void {
    this.opened?.close()
  }

  private get unheard(): boolean {
    return this.everything.size === 0 && this.byKey.size === 0
  }

  private rest(): void {
    clearTimeout(this.idle)
    if (!this.unheard || this.opened === undefined) return
    this.idle = setTimeout(() => {
      if (this.unheard) this.close()
    }, idleMs).unref()
  }

  private open(timeout: number): Opened {
    const { promise, reject, resolve } = Promise.withResolvers<void>()
    const opening = new AbortController()
    let stream: Changes | undefined
    let closed = false
    let timer = setTimeout(() => close(new Error(`no change stream within ${timeout} ms`)), timeout).unref()
    const close = (error: unknown = new Error("the change stream was closed")): void => {
      if (closed) return
      closed = true
      clearTimeout(timer)
      opening.abort(error)
      stream?.close().catch(noop)
      if (this.opened === opened) this.opened = undefined
      reject(error)
      this.lose()
    }
    const heard = (): void => {
      if (closed) return
      clearTimeout(timer)
      timer = setTimeout(() => close(new Error("the change stream fell silent")), silentMs).unref()
      resolve()
    }
    const opened: Opened = { live: promise, close }
    // Nobody may be waiting for it any more.
    promise.catch(noop)
    this.begin(opening.signal).then(
      (begun) => {
        stream = begun
        stream.on("error", close)
        stream.on("end", () => close())
        stream.on("close", () => close())
        if (closed) {
          stream.close().catch(noop)
          return
        }
        // Told with the very first answer, and with every one after it.
        stream.on("resumeTokenChanged", heard)
        stream.on("change", (event: Document) => {
          if (closed) return
          heard()
          if (ends.has(event["operationType"])) close(new Error("the collection was dropped or renamed"))
          else this.tell(event["documentKey"]?._id, String(event["by"]))
        })
      },
      (error) => close(error)
    )
    return opened
  }

  private async begin(signal: AbortSignal): Promise<Changes> {
    if (performance.now() < this.absentUntil) throw new NoChangeStreams()
    const hello = await this.collection.db.command({ hello: 1 }, { readPreference: "primary", signal })
    if (hello["setName"] === undefined && hello["msg"] !== "isdbgrid") {
      this.absentUntil = performance.now() + absentMs
      throw new NoChangeStreams()
    }
    return this.collection.watch([...following], { maxAwaitTimeMS: awaitMs, readPreference: "primary" })
  }

  private tell(key: unknown, by: string): void {
    if (typeof key !== "string") return
    const valued = !by.startsWith(verbs.abandon)
    const watchers = this.byKey.get(key)
    for (const listener of watchers === undefined ? this.everything : [...watchers, ...this.everything]) {
      listener.told(key, valued)
    }
  }

  private lose(): void {
    clearTimeout(this.idle)
    const listeners = [...this.everything, ...[...this.byKey.values()].flatMap((watchers) => [...watchers])]
    this.everything.clear()
    this.byKey.clear()
    for (const listener of listeners) listener.lost()
  }
}

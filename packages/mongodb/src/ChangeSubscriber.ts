/**
 * One change stream of a collection for all listeners of this process: opened when first needed, and closed when it has
 * had no listener for a while.
 *
 * The subscriber asks the server if it has change streams: a server that stands alone has none.
 */
import type { Subscriptions } from "@cache-locking/core"
import type { Document } from "mongodb"
import { following, verbs } from "./Statements.ts"

/** A listener to one key, or to all. */
export interface Listener {
  /** Called when a key changed; `valued` if its value did. */
  readonly onMessage: (key: string, valued: boolean) => unknown
  /** Called when no more changes will come. The membership is gone. */
  readonly onLost: () => void
}

/** The part of the driver's change stream that is used. */
export interface Changes {
  on(event: "change" | "resumeTokenChanged" | "error" | "end" | "close", listener: (of: any) => void): unknown
  close(): Promise<void>
}

/** The part of the driver's collection that is used. */
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

/** The time for which the server holds a request back when nothing changes. */
const awaitMs = 1_000
/** A stream without an answer for this long counts as lost: five answers are missing. */
const silentMs = 5 * awaitMs
/** The time for which a stream without listeners is kept. */
const idleMs = 10_000
/** The time for which the subscriber remembers that the server has no change streams. */
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

  /** Listens to a key, or to all keys. The stream must be live within `timeout` milliseconds. */
  join(key: string | undefined, listener: Listener, timeout: number): Subscriptions.Membership {
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

  /** Ends the stream, and notifies all listeners. The next listener opens another. */
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
    // Perhaps no listener waits for it any more.
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
        // The driver emits this with the very first answer, and with every later one.
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
      listener.onMessage(key, valued)
    }
  }

  private lose(): void {
    clearTimeout(this.idle)
    const listeners = [...this.everything, ...[...this.byKey.values()].flatMap((watchers) => [...watchers])]
    this.everything.clear()
    this.byKey.clear()
    for (const listener of listeners) listener.onLost()
  }
}

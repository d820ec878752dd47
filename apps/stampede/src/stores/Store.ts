/**
 * A kind of store that a stampede can run on: what the parent does to have one, and what a
 * worker does to reach it.
 */
import type { Adapter } from "@cache-locking/core"
import type { ParentChannel, WorkerChannel } from "../ipc/Wire.ts"

export interface Store {
  readonly name: string
  /** For `--help`, a few words. */
  readonly summary: string
  /** The protocols of the URLs that `--url` accepts for it; the first is the example's. */
  readonly protocols: ReadonlyArray<string>
  /** The environment variable that may give its URL. */
  readonly variable?: string
  /** In the parent: finds or starts it. Rejects with an error whose message tells what to do. */
  readonly open: (url: string | undefined) => Promise<OpenStore>
  /** In a worker: reaches what `place` says, so far that the first command need not wait. */
  readonly connect: (place: unknown, prefix: string, channel: ParentChannel) => Promise<Connection>
}

/** A store that is there. Disposing of it ends what was started for it, and nothing else. */
export interface OpenStore extends AsyncDisposable {
  /** What it is and where, without secrets. */
  readonly title: string
  /** Makes way for one worker. */
  readonly attach: (channel: WorkerChannel) => Promise<Attachment>
}

/** One worker's way to the store. */
export interface Attachment extends AsyncDisposable {
  /** What the worker is told. */
  readonly place: unknown
  /** Forgets the commands so far. */
  readonly reset: () => void
  /** The commands that the worker sent since then. `undefined`: count the adapter's verbs instead. */
  readonly commands: () => ReadonlyArray<string> | undefined
}

/** A worker's end. */
export interface Connection {
  readonly adapter: Adapter
  /** Closes what the adapter itself does not. */
  readonly close: () => Promise<unknown>
}

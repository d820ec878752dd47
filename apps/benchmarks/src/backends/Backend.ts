/** A store that the cache can be kept in, and beside it the least that its own client can do there. */
import type { Adapter } from "@cache-locking/core"
import type { Reader, SentCommand } from "@cache-locking/test-servers"

export interface Backend {
  readonly name: string
  /** The npm packages whose versions matter. */
  readonly packages: ReadonlyArray<string>
  /** What the floors send, in words. */
  readonly words: { readonly get: string; readonly write: string }
  /** What a leader's miss sends: one request takes the lease and one fills; some stores must be read first. */
  readonly miss: number
  /** How a proxy reads what the client sends. Default: as Redis is spoken to. */
  readonly reader?: Reader
  /** Whether somebody asked for it, and not the client by itself. */
  readonly counts?: (command: SentCommand) => boolean
  /** Finds or starts the server, and sets up what the adapter and the floor need there. Rejects when there is none. */
  readonly start: () => Promise<Served>
  /** Reaches it. */
  readonly open: (url: string) => Promise<Reached>
}

/** A server that is there. */
export interface Served {
  /** What it is, and which version. */
  readonly title: string
  readonly url: string
  /** Ends what was started, and nothing else. */
  readonly stop: () => Promise<unknown>
}

/** One process's way to the server. */
export interface Reached {
  readonly adapter: Adapter
  readonly floor: Floor
  /** Closes what the adapter itself does not. */
  readonly close: () => Promise<unknown>
}

/** The raw client, for values that are text. Keys are those of nobody else. */
export interface Floor {
  /** One read of a value that is there. */
  readonly get: (key: string) => Promise<unknown>
  /** One write that takes place only where there is nothing yet. */
  readonly write: (key: string, value: string) => Promise<unknown>
}

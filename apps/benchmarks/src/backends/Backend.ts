/** A store for the cache, and the least work of its own client there. */
import type { Adapter } from "@cache-locking/core"
import type { Reader, SentCommand } from "@cache-locking/test-servers"

export interface Backend {
  readonly name: string
  /** The npm packages whose versions matter. */
  readonly packages: ReadonlyArray<string>
  /** The floors' requests, in words. */
  readonly words: { readonly get: string; readonly write: string }
  /** The requests of a leader's miss: one takes the lease and one fills; some stores must be read first. */
  readonly miss: number
  /** The proxy's reader of the client's requests. Default: that of Redis. */
  readonly reader?: Reader
  /** True for a command that a caller caused, and not the client by itself. */
  readonly counts?: (command: SentCommand) => boolean
  /** Finds or starts the server, and sets up what the adapter and the floor need there. Rejects when there is none. */
  readonly start: () => Promise<Served>
  /** Connects to the server. */
  readonly open: (url: string) => Promise<Reached>
}

/** An available server. */
export interface Served {
  /** The product and its version. */
  readonly title: string
  readonly url: string
  /** Ends only the server that was started. */
  readonly stop: () => Promise<unknown>
}

/** One process's access to the server. */
export interface Reached {
  readonly adapter: Adapter
  readonly floor: Floor
  /** Closes everything that the adapter itself does not close. */
  readonly close: () => Promise<unknown>
}

/** The raw client, for values that are text. It has keys of its own. */
export interface Floor {
  /** One read of a present value. */
  readonly get: (key: string) => Promise<unknown>
  /** One write, which takes effect only if there is no value yet. */
  readonly write: (key: string, value: string) => Promise<unknown>
}

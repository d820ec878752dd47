/**
 * A kind of store for stampedes: the parent opens it, and a worker connects to it.
 */
import type { ChildProcess } from "node:child_process"
import type { Adapter } from "@cache-locking/core"

export interface Store {
  readonly name: string
  /** A few words for `--help`. */
  readonly summary: string
  /** The protocols of the URLs that `--url` accepts for this store; help and errors show the first as an example. */
  readonly protocols: ReadonlyArray<string>
  /** The environment variable that may hold its URL. */
  readonly variable?: string
  /** In the parent: finds or starts the store. Rejects with an error whose message names the remedy. */
  readonly open: (url: string | undefined) => Promise<OpenStore>
  /** In a worker: connects to the address, so that the first command need not wait for it. */
  readonly connect: (address: Address, prefix: string) => Promise<Connection>
}

/** An open store. Disposing of it stops what was started for it, and nothing else. */
export interface OpenStore extends AsyncDisposable {
  /** Names the store and its address, without secrets. */
  readonly title: string
  /** Gives one worker access. */
  readonly attach: (worker: ChildProcess) => Promise<Attachment>
}

/** The address at which a worker reaches the store. */
export interface Address {
  readonly url: string
  /** The run's own database or table there. */
  readonly name?: string
}

/** One worker's access to the store. */
export interface Attachment extends AsyncDisposable {
  readonly address: Address
  /** Forgets the commands counted so far. */
  readonly reset: () => void
  /** The commands that the worker has sent since `reset`. `undefined`: count the adapter's calls instead. */
  readonly commands: () => ReadonlyArray<string> | undefined
}

/** A worker's end. */
export interface Connection {
  readonly adapter: Adapter
  /** Closes everything that the adapter itself does not close. */
  readonly close?: () => Promise<unknown>
}

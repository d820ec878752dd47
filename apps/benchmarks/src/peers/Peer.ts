/** A cache as in its own documentation, behind one interface. */
import type { Effect } from "effect/Effect"
import type { Address } from "../Suite.ts"
import type { Load } from "../work/Origin.ts"

/** The common options of all: the most entries, and their lifetime. */
export interface Bounds {
  readonly maxEntries: number
  /** Milliseconds; `undefined` for no end. */
  readonly ttl: number | undefined
}

/** An open cache. */
export interface Opened {
  readonly get: (key: string) => Promise<string>
  readonly close: () => Promise<void>
}

export interface Peer {
  readonly name: string
  readonly packages: ReadonlyArray<string>
  readonly ours?: boolean
  /** Values in this process. */
  readonly memory?: (load: Load, bounds: Bounds) => Opened | Promise<Opened>
  /** Values in Redis and nowhere else. */
  readonly redis?: OpenRedis
  /** Values in Redis, and copies of them in this process. */
  readonly tiered?: OpenRedis
  /** Values in Redis, each with one tag by which it could be invalidated. */
  readonly tagged?: OpenRedis
  /** Values in Redis that are still served when they are older than `ttl`, while they are loaded anew. */
  readonly stale?: (load: Load, at: Address, options: StaleBounds) => Promise<Opened>
  /** Many values in Redis, asked for at once. */
  readonly many?: (load: LoadMany, at: Address, options: RedisBounds) => Promise<OpenedMany>
}

export type OpenRedis = (load: Load, at: Address, options: RedisBounds) => Promise<Opened>

/** Gives the values of keys, in their order. */
export type LoadMany = (keys: ReadonlyArray<string>) => Promise<ReadonlyArray<string>>

export interface OpenedMany {
  /** In any order. */
  readonly getMany: (keys: ReadonlyArray<string>) => Promise<Iterable<string>>
  readonly close: () => Promise<void>
}

/** In milliseconds. */
export interface RedisBounds {
  readonly ttl: number
  /** For those that hold leases. */
  readonly leaseTtl: number
}

export interface StaleBounds extends RedisBounds {
  /** The time beyond `ttl` for which a value may be served. */
  readonly stale: number
}

/** A cache asked from within a fiber. */
export interface FiberOpened {
  readonly get: (key: string) => Effect<unknown>
  /** Takes the value from the answer, so that it costs no operator of its own. */
  readonly valueOf: (answer: any) => string
  readonly close: () => Promise<void>
}

export interface FiberPeer {
  readonly name: string
  readonly packages: ReadonlyArray<string>
  readonly ours?: boolean
  readonly memory?: (load: (key: string) => Effect<string>, bounds: Bounds) => FiberOpened | Promise<FiberOpened>
  readonly redis?: (load: (key: string) => Effect<string>, at: Address, options: RedisBounds) => Promise<FiberOpened>
}

export const nothing = async (): Promise<void> => {}

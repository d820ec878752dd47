/**
 * A namespace's values as they are kept, read in pages and written in parts.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ClusterError } from "../client/ClusterError.ts"
import { pages } from "../client/Listing.ts"
import type { SpaceClient } from "../client/SpaceClient.ts"

/** A value as it is kept. */
export interface Dumped {
  readonly key: string
  readonly bytes: Uint8Array
  /** Milliseconds left. */
  readonly ttl: number
  readonly size: number
}

/** Values that are written in one call. */
const atOnce = 500

/** Everything, the least recently used first. */
export const read = (client: SpaceClient): Effect.Effect<ReadonlyArray<Dumped>, ClusterError> => {
  const all = pages<readonly [string, Uint8Array, number, number]>(client, "", "entries")
  return Effect.map(Stream.runCollect(all), (rows) =>
    [...rows].reverse().flatMap(([key, bytes, ttl, size]) => (ttl > 0 ? [{ key, bytes, ttl, size }] : []))
  )
}

/** Keeps what `read` returned, in its order. */
export const write = (client: SpaceClient, dumped: ReadonlyArray<Dumped>): Effect.Effect<void, ClusterError> => {
  const parts: Array<ReadonlyArray<Dumped>> = []
  for (let i = 0; i < dumped.length; i += atOnce) parts.push(dumped.slice(i, i + atOnce))
  const send = (part: ReadonlyArray<Dumped>) =>
    client.call("setMany", [part.map(({ bytes, key, size, ttl }) => [key, bytes, ttl, size])])
  return Effect.forEach(parts, send, { discard: true })
}

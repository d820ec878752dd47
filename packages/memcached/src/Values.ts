/**
 * Memcached as a store of values alone, with the leases in another store.
 */
import { type AdapterError, Identity, type Operation, type ValueStore } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { Calls } from "./Calls.ts"
import type { Reply } from "./Connection.ts"
import { refused } from "./Failure.ts"
import * as Keyspace from "./Keyspace.ts"
import type { Resolved, Space } from "./Options.ts"
import { bytesOf } from "./Records.ts"
import * as Requests from "./Requests.ts"
import { valueBytesOf } from "./Size.ts"

const { status } = Requests

/** Fails unless the status is an expected one. */
const expecting =
  <A>(operation: Operation, name: string, codes: ReadonlyArray<number>, answer: (reply: Reply) => A) =>
  (reply: Reply): Effect.Effect<A, AdapterError> => {
    const code = reply.header.status
    return codes.includes(code) ? Effect.succeed(answer(reply)) : Effect.fail(refused(operation, name, code))
  }

const nothing = (): void => {}

/**
 * One store of values for each space and each pair of settings, so that adapters over the same two stores share their
 * flights.
 */
const storesOf = Identity.perObject((space: Space) =>
  Identity.perName((_, { itemSize, pool, timeout }: Resolved): ValueStore.ValueStore => {
    const calls = new Calls(pool, timeout)
    const nameOf = (name: string): string => Keyspace.nameOf(space.prefix, name)
    return {
      name: "memcached",
      valueBytes: valueBytesOf(itemSize),
      get: (name) =>
        Effect.suspend(() => {
          const item = nameOf(name)
          const answer = expecting("read", name, [status.ok, status.notFound], (reply) =>
            reply.header.status === status.ok ? bytesOf(reply) : undefined
          )
          return calls.exchange("read", name, item, () => Requests.get(item), answer)
        }),
      set: (name, bytes, ttl) =>
        Effect.suspend(() => {
          const item = nameOf(name)
          const request = () => Requests.set(item, bytes, Requests.expiryOf(ttl, Date.now()))
          return calls.exchange("put", name, item, request, expecting("put", name, [status.ok], nothing))
        }),
      delete: (name) =>
        Effect.suspend(() => {
          const item = nameOf(name)
          const answer = expecting("delete", name, [status.ok, status.notFound], nothing)
          return calls.exchange("delete", name, item, () => Requests.remove(item, Requests.anyCas), answer)
        })
    }
  })
)

export const values = (resolved: Resolved): ValueStore.ValueStore =>
  storesOf(resolved.space)(`${resolved.itemSize} ${resolved.timeout}`, resolved)

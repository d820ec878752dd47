/** Adapters that are wrong in one way each, for the workers of tests: the module's query is the name of the way. */
import type { Acquired, Adapter, Token } from "@cache-locking/core"
import * as Effect from "effect/Effect"

const stolen = "stolen" as Token

/** A write that asks for no token. */
const fillAnyway = (adapter: Adapter): Adapter["fill"] => {
  return (key, { lifetime, value }) =>
    value === undefined ? Effect.succeed(false) : Effect.as(adapter.put(key, { lifetime, value }), true)
}

const wrong: { readonly [name: string]: (adapter: Adapter) => Adapter } = {
  "answers a delete without doing it": (adapter) => ({ ...adapter, delete: () => Effect.succeed(true) }),

  "ignores the token in fill": (adapter) => ({ ...adapter, fill: fillAnyway(adapter) }),

  "lets followers lead": (adapter) => ({
    ...adapter,
    acquire: (key, options) =>
      Effect.map(
        adapter.acquire(key, options),
        (found): Acquired => (found._tag === "Follower" ? { _tag: "Leader", token: stolen } : found)
      ),
    fill: (key, options) => (options.token === stolen ? fillAnyway(adapter) : adapter.fill)(key, options)
  }),

  "takes one key for another": (adapter) => ({
    ...adapter,
    acquire: (key, options) => adapter.acquire(key === "a" ? "b" : key, options)
  }),

  "keeps nothing, and no lease ends": (adapter) => ({
    ...adapter,
    acquire: (key, options) => adapter.acquire(key, { ...options, leaseFor: 60_000 }),
    fill: () => Effect.succeed(true)
  }),

  "throws where nobody can catch it": (adapter) => ({
    ...adapter,
    delete: (key) =>
      Effect.tap(adapter.delete(key), () =>
        Effect.sync(() => {
          setImmediate(() => {
            throw new Error("nobody catches this")
          })
        })
      )
  })
}

export default wrong[decodeURIComponent(new URL(import.meta.url).search.slice(1))]!

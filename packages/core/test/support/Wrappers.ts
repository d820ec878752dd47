/** Adapters made of adapters: one of another process, a remote one, one without push, a slow one. */
import * as Effect from "effect/Effect"
import type { Acquired, Adapter, Stale, Value } from "../../src/contract/Adapter.ts"
import { eachVerb } from "./EachVerb.ts"

/** The same store from another process: flights are not shared. */
export const peer = (adapter: Adapter): Adapter => ({ ...adapter, identity: {} })

/** One that cannot push. */
export const withoutWatch = ({ watch: _, ...adapter }: Adapter): Adapter => adapter

const read = ({ bytes }: Value): Value => ({ bytes: bytes.slice() })

const readStale = (stale: Stale | undefined): Stale | undefined => stale && { ...stale, value: read(stale.value) }

const readAcquired = (found: Acquired): Acquired => {
  switch (found._tag) {
    case "Hit":
      return { ...found, value: read(found.value) }
    case "Cooling":
      return { ...found, cause: found.cause && read(found.cause), stale: readStale(found.stale) }
    default:
      return { ...found, stale: readStale(found.stale) }
  }
}

/** One that leaves the process: it passes only bytes, and has no local hits. */
export const remote = ({ hitUnsafe: _, keepsReferences: __, ...adapter }: Adapter): Adapter => ({
  ...adapter,
  identity: adapter.identity ?? {},
  acquire: (key, options) => Effect.map(adapter.acquire(key, options), readAcquired),
  fill: (key, options) => adapter.fill(key, { ...options, value: options.value && read(options.value) }),
  abandon: (key, options) => adapter.abandon(key, { ...options, cause: options.cause && read(options.cause) }),
  put: (key, options) => adapter.put(key, { ...options, value: read(options.value) }),
  read: (key) =>
    Effect.map(adapter.read(key), (found) => ({
      ...found,
      value: found.value && read(found.value),
      cooling: found.cooling && { ...found.cooling, cause: found.cooling.cause && read(found.cooling.cause) }
    }))
})

/** One whose verbs take time, half of it on the way there and half on the way back. */
export const slow = ({ hitUnsafe: _, ...adapter }: Adapter, millis: number): Adapter => {
  const way = Effect.sleep(millis / 2)
  const late = eachVerb(adapter, ({ effect }) =>
    Effect.andThen(
      way,
      Effect.tap(effect, () => way)
    )
  )
  return { ...late, identity: adapter.identity ?? {} }
}

/** One that can acquire many keys at once; `asked` records the number of keys of each request. */
export const asksMany = (adapter: Adapter, asked: Array<number> = []): Adapter => ({
  ...remote(adapter),
  acquireMany: (keys, options) =>
    Effect.suspend(() => {
      asked.push(keys.length)
      return Effect.forEach(keys, (key) => remote(adapter).acquire(key, options))
    })
})

/** Subscriptions of an adapter that are live until they are closed. */
import type { Adapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { run } from "./Calls.ts"

/** Opens a resource in a scope, and returns it with the function that closes the scope. */
const entered = async <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => {
  const scope = Scope.makeUnsafe()
  const answer = await run(Scope.provide(effect, scope))
  return { answer, leave: () => run(Scope.close(scope, Exit.void)) }
}

/** A watcher of a key. */
export interface Watching {
  /** Settles at the next change. */
  readonly woken: Promise<void>
  readonly isWoken: () => boolean
  readonly leave: () => Promise<void>
}

/** Watches a key: when this has settled, no change is missed. */
export const watching = async (adapter: Adapter, key: string): Promise<Watching> => {
  const { answer, leave } = await entered(adapter.watch!(key))
  let isWoken = false
  const woken = run(
    Effect.map(answer, () => {
      isWoken = true
    })
  )
  return { woken, isWoken: () => isWoken, leave }
}

/** A listener of all changes. */
export interface Listening {
  /** The keys that changed, `"lost"` and `"restored"`, in the order of the reports. */
  readonly heard: Array<string>
  readonly leave: () => Promise<void>
}

/** Listens to the changes of all keys: when this has settled, none is missed. */
export const listening = async (adapter: Adapter): Promise<Listening> => {
  const heard: Array<string> = []
  const note = (what: string) => void heard.push(what)
  const listener = { changed: note, lost: () => note("lost"), restored: () => note("restored") }
  const { leave } = await entered(adapter.changes!(listener))
  return { heard, leave }
}

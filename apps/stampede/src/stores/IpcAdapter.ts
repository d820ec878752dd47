/**
 * A worker's adapter to a store that lives in its parent: every verb is one message there
 * and one back, and a change that is watched is told unasked.
 *
 * A demonstration's adapter: it trusts its parent and knows no time-outs.
 */
import {
  type Adapter,
  AdapterError,
  type AdapterLimits,
  type ChangeListener,
  type Operation
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { ParentChannel, StoreCall } from "../ipc/Wire.ts"

const name = "parent"

const limits: AdapterLimits = {
  keyBytes: Number.POSITIVE_INFINITY,
  valueBytes: Number.POSITIVE_INFINITY,
  tick: 1,
  clock: "store"
}

/** An adapter over the channel to the parent, whose keys all begin with `prefix` there. */
export const make = (channel: ParentChannel, prefix: string): Adapter => {
  const watchers = new Map<number, Latch.Latch>()
  const listeners = new Map<number, ChangeListener>()
  let subscriptions = 0
  channel.onTell("woken", ({ id }) => watchers.get(id)?.openUnsafe())
  channel.onTell("changed", ({ id, key }) => listeners.get(id)?.changed(key.slice(prefix.length)))

  const failed = (operation: Operation, key: string, reason: AdapterError["reason"], message: string) =>
    new AdapterError({ adapter: name, operation, key, reason, message })

  const call = <A>(call: StoreCall): Effect.Effect<A, AdapterError> =>
    Effect.flatMap(
      Effect.tryPromise({
        try: () => channel.ask("store", { ...call, key: prefix + call.key }),
        catch: (error) => failed(call.verb, call.key, "Unavailable", (error as Error).message)
      }),
      (answered) =>
        answered.ok
          ? Effect.succeed(answered.answer as A)
          : Effect.fail(failed(call.verb, call.key, answered.reason, answered.message))
    )

  /** A number by which the parent tells, until the scope closes. */
  const subscribed = <L>(all: Map<number, L>, make: () => L) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = make()
        const id = ++subscriptions
        all.set(id, listener)
        return { id, listener }
      }),
      ({ id }) =>
        Effect.sync(() => {
          all.delete(id)
          channel.tell("unwatch", { id })
        })
    )

  return {
    name,
    limits,
    acquire: (key, options) => call({ verb: "acquire", key, options }),
    // The value is core's own object, whose bytes are made when they are read.
    fill: (key, { lifetime, token, value }) =>
      call({ verb: "fill", key, options: { token, lifetime, value: value && { bytes: value.bytes } } }),
    touch: (key, options) => call({ verb: "touch", key, options }),
    abandon: (key, { cause, cooldown, token }) =>
      call({ verb: "abandon", key, options: { token, cooldown, cause: cause && { bytes: cause.bytes } } }),
    renew: (key, options) => call({ verb: "renew", key, options }),
    delete: (key) => call({ verb: "delete", key }),
    put: (key, { lifetime, value }) => call({ verb: "put", key, options: { lifetime, value: { bytes: value.bytes } } }),
    read: (key) => call({ verb: "read", key }),
    watch: (key) =>
      Effect.flatMap(
        subscribed(watchers, () => Latch.makeUnsafe()),
        ({ id, listener }) => Effect.as(call({ verb: "watch", key, options: { id } }), listener.await)
      ),
    changes: (listener) =>
      Effect.flatMap(
        subscribed(listeners, () => listener),
        ({ id }) => call({ verb: "changes", key: "", options: { id } })
      )
  }
}

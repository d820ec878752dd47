/**
 * The adapters of a process: the contract over a store that the messages of a connection reach.
 */
import {
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  ConditionalStore,
  Entry,
  Limits,
  type Operation,
  Tiered,
  type Value,
  ValueStore
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Coverage from "../cells/Coverage.ts"
import type { Story, Verb } from "../story/Story.ts"
import type { Connection } from "./Connection.ts"
import type { Store } from "./Store.ts"
import type { Values } from "./Values.ts"

/** The stores that all processes share. */
export interface Stores {
  readonly store: Store
  /** Where another store keeps the values. */
  readonly values: Values
}

export const adapterOf = (
  { store: kind, tier }: Story,
  connection: Connection,
  { store, values }: Stores,
  process: number
): Adapter => {
  switch (kind) {
    case "push":
      return pushing(connection, store)
    case "polling":
    case "isolates":
      return direct(connection, store)
    case "client-clock":
      return conditional(connection, store)
    case "tiered-push": {
      const far = { ...pushing(connection, store), changes: changesOf(connection, store) }
      return Tiered.make([{ ttl: tier!.ttl }, far], { heartbeat: tier!.heartbeat })
    }
    case "tiered-ttl":
      return Tiered.make([{ ttl: tier!.ttl }, direct(connection, store)])
    case "values":
      return ValueStore.withLeases(valuesOf(connection, values, process), pushing(connection, store))
  }
}

const own = { name: "simulated", limits: { keyBytes: 1_000, valueBytes: 100_000, tick: 1, clock: "store" } } as const

/** An adapter over a store that runs the state machine itself. */
const direct = (connection: Connection, store: Store): Adapter => {
  const move = <A>(
    operation: Verb & Operation,
    key: string,
    decide: (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>,
    { value, wakes }: { readonly value?: Value | undefined; readonly wakes?: (answer: A) => boolean } = {}
  ): Effect.Effect<A, AdapterError> => {
    const answer = (): A => store.move(key, Coverage.move(operation, key, decide), wakes)
    const refused = Limits.refusal(own, operation, key, value)
    return refused ?? connection.ask({ to: store, verb: operation, operation, keys: [key], answer })
  }
  const acquire = (options: AcquireOptions) => (entry: Entry.Entry | undefined, now: number) =>
    Entry.acquire(entry, now, options, () => store.grant())
  return {
    ...own,
    acquire: (key, options) => move("acquire", key, acquire(options)),
    acquireMany: (keys, options) => {
      const answer = () => keys.map((key) => store.move(key, Coverage.move("acquire", key, acquire(options))))
      const refused = Limits.refusalOfAny(own, "acquireMany", keys)
      return refused ?? connection.ask({ to: store, verb: "acquire", operation: "acquireMany", keys, answer })
    },
    fill: (key, options) => {
      const value = copyOf(options.value)
      return move("fill", key, (entry, now) => Entry.fill(entry, now, { ...options, value }), { value, wakes: Boolean })
    },
    abandon: (key, options) => {
      const cause = copyOf(options.cause)
      const given = { value: cause, wakes: Boolean }
      return move("abandon", key, (entry, now) => Entry.abandon(entry, now, { ...options, cause }), given)
    },
    renew: (key, options) => move("renew", key, (entry, now) => Entry.renew(entry, now, options)),
    delete: (key) => move("delete", key, Entry.remove, { wakes: () => true }),
    put: (key, options) => {
      const value = copyOf(options.value)
      return move("put", key, (_, now) => Entry.put(now, { ...options, value }), { value, wakes: () => true })
    },
    touch: (key, options) => move("touch", key, (entry, now) => Entry.touch(entry, now, options)),
    read: (key) => move("read", key, (entry, now) => [Entry.read(entry, now), entry])
  }
}

const pushing = (connection: Connection, store: Store): Adapter => ({
  ...direct(connection, store),
  watch: watchOf(connection, store)
})

const watchOf =
  (connection: Connection, store: Store): NonNullable<Adapter["watch"]> =>
  (key) => {
    const subscription = Effect.suspend(() => {
      const latch = Latch.makeUnsafe()
      const wake = connection.pushed(() => latch.openUnsafe())
      const answer = () => store.subscribe(key, wake)
      const asked = connection.ask({ to: store, verb: "watch", operation: "watch", keys: [key], answer })
      return Effect.map(asked, (unsubscribe) => ({ latch, unsubscribe }))
    })
    const release = ({ unsubscribe }: { readonly unsubscribe: () => void }) => Effect.sync(() => unsubscribe())
    const live = Effect.map(Effect.acquireRelease(subscription, release), ({ latch }) => latch.await)
    return Limits.refusal(own, "watch", key) ?? live
  }

const changesOf =
  (connection: Connection, store: Store): NonNullable<Adapter["changes"]> =>
  (listener) => {
    const subscription = Effect.suspend(() => {
      const feed = connection.feed(listener)
      return connection.ask({
        to: store,
        verb: "watch",
        operation: "changes",
        keys: [],
        answer: () => store.listen(feed)
      })
    })
    return Effect.asVoid(Effect.acquireRelease(subscription, (unlisten) => Effect.sync(unlisten)))
  }

/** An adapter over a store that only writes if the record is unchanged. */
const conditional = (connection: Connection, store: Store): Adapter =>
  ConditionalStore.make<number>({
    ...own,
    limits: { ...own.limits, clock: "client" },
    read: (key) => {
      const answer = () => store.readRecord(key)
      return connection.ask({ to: store, verb: "read", operation: "read", keys: [key], answer })
    },
    writeIf: (key, version, entry) => {
      const answer = () => store.writeIf(key, version, entry)
      return connection.ask({ to: store, verb: "fill", operation: "fill", keys: [key], answer })
    }
  })

const valuesOf = (connection: Connection, values: Values, process: number): ValueStore.ValueStore => ({
  name: "simulated values",
  valueBytes: own.limits.valueBytes,
  get: (name) => {
    const answer = () => values.get(name, process)
    return connection.ask({ to: values, verb: "get-value", operation: "read", keys: [], answer })
  },
  set: (name, bytes, ttl) => {
    const answer = () => values.set(name, bytes, ttl, process)
    return connection.ask({ to: values, verb: "set-value", operation: "put", keys: [], answer })
  },
  delete: (name) => {
    const answer = () => values.delete(name)
    return connection.ask({ to: values, verb: "delete-value", operation: "delete", keys: [], answer })
  }
})

/** The bytes as the store keeps them, so that no object of one process is seen by another. */
const copyOf = <V extends Value | undefined>(value: V): V =>
  (value === undefined ? undefined : { bytes: Uint8Array.from(value.bytes) }) as V

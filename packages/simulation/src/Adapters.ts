/**
 * The adapters of a process: the contract over a store that the messages of a connection reach.
 */
import {
  type Adapter,
  ConditionalStore,
  Entry,
  type Operation,
  Tiered,
  type Value,
  ValueStore
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Connection } from "./Connection.ts"
import type { Store } from "./Store.ts"
import type { Story, Verb } from "./Story.ts"
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

const limits = { keyBytes: 1_000, valueBytes: 100_000, tick: 1 }

/** An adapter over a store that runs the state machine itself. */
const direct = (connection: Connection, store: Store): Adapter => {
  const move = <A>(
    operation: Verb & Operation,
    key: string,
    decide: (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>,
    wakes: (answer: A) => boolean = () => false
  ) => {
    const answer = (): A => store.move(key, decide, wakes)
    return connection.ask({ to: store, verb: operation, operation, keys: [key], answer })
  }
  return {
    name: "simulated",
    limits: { ...limits, clock: "store" },
    acquire: (key, options) =>
      move("acquire", key, (entry, now) => Entry.acquire(entry, now, options, () => store.grant())),
    acquireMany: (keys, options) =>
      connection.ask({
        to: store,
        verb: "acquire",
        operation: "acquireMany",
        keys,
        answer: () =>
          keys.map((key) =>
            store.move(
              key,
              (entry, now) => Entry.acquire(entry, now, options, () => store.grant()),
              () => false
            )
          )
      }),
    fill: (key, options) =>
      move("fill", key, (entry, now) => Entry.fill(entry, now, { ...options, value: copyOf(options.value) }), Boolean),
    abandon: (key, options) => move("abandon", key, (entry, now) => Entry.abandon(entry, now, options), Boolean),
    renew: (key, options) => move("renew", key, (entry, now) => Entry.renew(entry, now, options)),
    delete: (key) => move("delete", key, Entry.remove, () => true),
    put: (key, options) =>
      move(
        "put",
        key,
        (_, now) => Entry.put(now, { ...options, value: copyOf(options.value)! }),
        () => true
      ),
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
    return Effect.map(Effect.acquireRelease(subscription, release), ({ latch }) => latch.await)
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
    name: "simulated",
    limits: { ...limits, clock: "client" },
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
  valueBytes: limits.valueBytes,
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
const copyOf = (value: Value | undefined): Value | undefined => value && { bytes: Uint8Array.from(value.bytes) }

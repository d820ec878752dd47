/** The setups inside this process, which need no server. */
import type { Claims, Setup, StoredRecord } from "@cache-locking/conformance-kit"
import {
  type Adapter,
  type AdapterLimits,
  Bus,
  ConditionalStore,
  EntryRecord,
  MemoryAdapter,
  Tiered,
  ValueStore
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { type AdapterSetup, type AdapterSetups, noClaims } from "./AdapterSetup.ts"

const claims: Claims = { ...noClaims, watch: true, keys: true, changes: true, clock: "process" }

/** A near tier learns of everything except a `touch` within the turn of the event loop. */
const nearClaims = { hitUnsafe: { lag: 1 }, close: true }

const inProcess = (title: string, open: () => Setup): AdapterSetup => ({
  title,
  package: "@cache-locking/core",
  open: Effect.sync(() => ({ server: undefined, setup: open() }))
})

const limits: AdapterLimits = { keyBytes: 1024, valueBytes: 1024 * 1024, tick: 1, clock: "client" }

interface Blob {
  readonly bytes: Uint8Array
  readonly version: number
  readonly expires: number
}

/** A request and its reply take a turn of the event loop each, so that others come between. */
const onTheWire = <A>(ask: () => A): Effect.Effect<A> =>
  Effect.andThen(
    Effect.yieldNow,
    Effect.tap(Effect.sync(ask), () => Effect.yieldNow)
  )

/** Blobs that are written if unchanged, as in object stores. */
class Bucket {
  private readonly blobs = new Map<string, Blob>()
  private versions = 0

  readonly store: ConditionalStore.ConditionalStore<number> = {
    name: "bucket",
    limits,
    read: (key) =>
      onTheWire(() => {
        const blob = this.blobs.get(key)
        return { entry: blob && EntryRecord.decode(blob.bytes), version: blob?.version }
      }),
    writeIf: (key, version, entry, ttl) =>
      onTheWire(() => {
        if (this.blobs.get(key)?.version !== version) return false
        const bytes = EntryRecord.encode(entry)
        if (entry === undefined) this.blobs.delete(key)
        else this.blobs.set(key, { bytes, version: ++this.versions, expires: Date.now() + ttl })
        return true
      })
  }

  readonly records = (key: string): Effect.Effect<ReadonlyArray<StoredRecord>> =>
    Effect.sync(() => {
      const blob = this.blobs.get(key)
      return blob === undefined ? [] : [{ name: key, expiresIn: blob.expires - Date.now() }]
    })
}

/** Values in a map of bytes that expire, as in key-value stores at the edge. */
const makeValues = (): ValueStore.ValueStore => {
  const kept = new Map<string, { readonly bytes: Uint8Array; readonly expires: number }>()
  return {
    name: "values",
    valueBytes: 1024 * 1024,
    get: (name) =>
      Effect.sync(() => {
        const found = kept.get(name)
        return found !== undefined && Date.now() < found.expires ? found.bytes : undefined
      }),
    set: (name, bytes, ttl) => Effect.sync(() => void kept.set(name, { bytes, expires: Date.now() + ttl })),
    delete: (name) => Effect.sync(() => void kept.delete(name))
  }
}

/** The adapter of a store outside the process: it reports no changes and returns bytes. */
const asRemote = ({
  changes: _,
  hitUnsafe: __,
  valueUnsafe: ___,
  keepsReferences: ____,
  ...far
}: Adapter): Adapter => ({ ...far, identity: {} })

export const memorySetups: AdapterSetups = {
  memory: inProcess("Memory", () => {
    // A store in a process has no second peer.
    const adapter = MemoryAdapter.make()
    return { name: "memory", peers: () => ({ here: adapter, there: adapter }), claims: { ...claims, hitUnsafe: true } }
  }),

  "memory-conditional": inProcess("Any store that writes if unchanged (`ConditionalStore`)", () => {
    const bucket = new Bucket()
    const peer = () => ConditionalStore.make(bucket.store)
    return {
      name: "memory-conditional",
      peers: () => ({ here: peer(), there: peer() }),
      records: bucket.records,
      claims: { ...noClaims, clock: "client" }
    }
  }),

  "memory-values": inProcess("Any store of values, with leases in another (`ValueStore`)", () => {
    const [values, leases] = [makeValues(), MemoryAdapter.make()]
    const peer = () => ValueStore.withLeases(values, leases)
    return { name: "memory-values", peers: () => ({ here: peer(), there: peer() }), claims }
  }),

  // Two processes, each with a near tier of its own. The store reports changes to them at once.
  "memory-tiered": inProcess("Any store with a near tier in front (`Tiered`)", () => {
    const far = MemoryAdapter.make()
    const peer = () => Tiered.make([{ maxEntries: 1_000 }, { ...far, identity: {} }])
    return {
      name: "memory-tiered",
      peers: () => ({ here: peer(), there: peer() }),
      claims: { ...claims, ...nearClaims }
    }
  }),

  // Two processes that report changes to each other over a bus.
  "memory-tiered-bus": inProcess("Any store with a near tier and a bus (`Tiered`)", () => {
    const [far, bus] = [MemoryAdapter.make(), Bus.inProcess()]
    const peer = () => Tiered.make([{ maxEntries: 1_000 }, asRemote(far)], { bus, heartbeat: 50 })
    return {
      name: "memory-tiered-bus",
      peers: () => ({ here: peer(), there: peer() }),
      claims: { ...claims, ...nearClaims, changes: false }
    }
  })
}

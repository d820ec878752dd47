import type { StoredRecord } from "@cache-locking/conformance-kit"
import { type AdapterLimits, ConditionalStore, EntryRecord } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"

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

/** Blobs that are written if unchanged, as object stores have them. */
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

export const setup: AdapterSetup = {
  title: "Any store that writes if unchanged (`ConditionalStore`)",
  package: "@cache-locking/core",
  open: Effect.sync(() => {
    const bucket = new Bucket()
    const peer = () => ConditionalStore.make(bucket.store)
    return {
      server: undefined,
      setup: {
        name: "memory-conditional",
        peers: () => ({ here: peer(), there: peer() }),
        records: bucket.records,
        claims: {
          watch: false,
          keys: false,
          changes: false,
          acquireMany: false,
          deleteMany: false,
          hitUnsafe: false,
          close: false,
          clock: "client"
        }
      }
    }
  })
}

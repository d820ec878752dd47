import { MemoryAdapter, ValueStore } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"

/** Values in a map of bytes that expire, as key-value stores at the edge have them. */
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

export const setup: AdapterSetup = {
  title: "Any store of values, with leases in another (`ValueStore`)",
  package: "@cache-locking/core",
  open: Effect.sync(() => {
    const [values, leases] = [makeValues(), MemoryAdapter.make()]
    const peer = () => ValueStore.withLeases(values, leases)
    return {
      server: undefined,
      setup: {
        name: "memory-values",
        peers: () => ({ here: peer(), there: peer() }),
        claims: {
          watch: true,
          keys: true,
          changes: true,
          acquireMany: false,
          deleteMany: false,
          hitUnsafe: false,
          close: false,
          clock: "process"
        }
      }
    }
  })
}

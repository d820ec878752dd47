import { MemoryAdapter, Tiered } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"

/** Two processes, each with a near tier of its own; the store tells them of changes as it makes them. */
export const setup: AdapterSetup = {
  title: "Any store with a near tier in front (`Tiered`)",
  package: "@cache-locking/core",
  open: Effect.sync(() => {
    const far = MemoryAdapter.make()
    const peer = () => Tiered.make([{ maxEntries: 1_000 }, { ...far, identity: {} }])
    return {
      server: undefined,
      setup: {
        name: "memory-tiered",
        peers: () => ({ here: peer(), there: peer() }),
        claims: {
          watch: true,
          keys: true,
          changes: true,
          acquireMany: false,
          deleteMany: false,
          // A touch is told to nobody, and all else within the turn.
          hitUnsafe: { lag: 1 },
          close: true,
          clock: "process"
        }
      }
    }
  })
}

import { type Adapter, Bus, MemoryAdapter, Tiered } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"

/** A store that pushes nothing of its own and answers bytes, as if it were not in the process. */
const poor = ({ changes: _, hitUnsafe: __, valueUnsafe: ___, keepsReferences: ____, ...far }: Adapter): Adapter => ({
  ...far,
  identity: {}
})

/** Two processes that tell each other of changes over a bus. */
export const setup: AdapterSetup = {
  title: "Any store with a near tier and a bus (`Tiered`)",
  package: "@cache-locking/core",
  open: Effect.sync(() => {
    const [far, bus] = [MemoryAdapter.make(), Bus.inProcess()]
    const peer = () => Tiered.make([{ maxEntries: 1_000 }, poor(far)], { bus, heartbeat: 50 })
    return {
      server: undefined,
      setup: {
        name: "memory-tiered-bus",
        peers: () => ({ here: peer(), there: peer() }),
        claims: {
          watch: true,
          keys: true,
          changes: false,
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

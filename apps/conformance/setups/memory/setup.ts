import { MemoryAdapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"

/** Both peers are the one adapter: a store in a process has no second one. */
export const setup: AdapterSetup = {
  title: "Memory",
  package: "@cache-locking/core",
  open: Effect.sync(() => {
    const adapter = MemoryAdapter.make()
    return {
      server: undefined,
      setup: {
        name: "memory",
        peers: () => ({ here: adapter, there: adapter }),
        claims: {
          watch: true,
          keys: true,
          changes: true,
          acquireMany: false,
          deleteMany: false,
          hitUnsafe: true,
          close: false,
          clock: "process"
        }
      }
    }
  })
}

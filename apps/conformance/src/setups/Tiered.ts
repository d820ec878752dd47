import { Tiered } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "./AdapterSetup.ts"

/** Milliseconds that a message of the far tier may take to the other peer, on one machine. */
const lag = 250

/** Another setup with a near tier in each peer, to which the far tier reports changes. */
export const tiered = (far: AdapterSetup, name: string): AdapterSetup => ({
  title: `${far.title} with a near tier (\`Tiered\`)`,
  package: "@cache-locking/core",
  open: Effect.map(far.open, ({ server, setup }) => ({
    server,
    setup: {
      ...setup,
      name,
      claims: { ...setup.claims, hitUnsafe: { lag }, close: true },
      peers: async () => {
        if (typeof setup.peers !== "function")
          throw new TypeError(`the setup of ${far.title} opens its peers by itself`)
        const { close, here, there } = await setup.peers()
        return { here: Tiered.make([{}, here]), there: Tiered.make([{}, there]), close }
      }
    }
  }))
})

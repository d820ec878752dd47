/**
 * The primary of a cluster: the parent keeps the data, and each worker asks it over the channel that it has anyway, the
 * very one over which it is told what to do.
 */
import { Cluster, ClusterAdapter } from "@cache-locking/cluster"
import * as Effect from "effect/Effect"
import type { Store } from "./Store.ts"

/** What a worker asks for in a message; none, if the message is not the cluster's. */
const asked = (message: unknown): ReadonlyArray<string> => {
  const { items } = Object(message) as { readonly items?: unknown }
  if (!Array.isArray(items)) return []
  return items.flatMap(([kind, , , verb]) => (kind === "ask" ? [verb] : kind === "drop" ? ["unwatch"] : []))
}

export const ClusterStore: Store = {
  name: "cluster",
  summary: "the parent as the primary of `@cache-locking/cluster`: no server",
  protocols: [],

  open: async () => {
    const primary = Cluster.bootstrap()
    return {
      title: "the primary of the cluster, in the parent process",
      attach: async ({ port }) => {
        let commands: Array<string> = []
        const count = (message: unknown) => {
          commands.push(...asked(message))
        }
        port.on("message", count)
        const end = primary.serve(port)
        return {
          place: undefined,
          reset: () => {
            commands = []
          },
          commands: () => [...commands],
          [Symbol.asyncDispose]: async () => {
            end()
            port.off("message", count)
          }
        }
      },
      [Symbol.asyncDispose]: async () => primary.close()
    }
  },

  connect: async (_, prefix, { port }) => {
    const adapter = ClusterAdapter.make({ namespace: prefix, port })
    // Until the primary has answered once, it is knocked at.
    await Effect.runPromise(adapter.read("knock"))
    return { adapter, close: async () => {} }
  }
}

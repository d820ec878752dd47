/**
 * The store that needs no server: the parent is the primary of a Node cluster and keeps the data. Each worker asks it
 * over the IPC channel that it has anyway.
 */
import type { ChildProcess } from "node:child_process"
import { Cluster, ClusterAdapter } from "@cache-locking/cluster"
import * as Effect from "effect/Effect"
import type { Store } from "./Store.ts"

const title = "the primary of a Node cluster, in the parent process"

/** On a busy machine the demo waits for the parent instead of failing. */
const commandTimeout = "30 seconds"

/** The commands in a message from a worker; none if the message is not the cluster's. */
const commandsIn = (message: unknown): ReadonlyArray<string> => {
  const { items } = Object(message) as { readonly items?: unknown }
  if (!Array.isArray(items)) return []
  return items.flatMap(([kind, , , verb]) => (kind === "call" ? [verb] : kind === "unsubscribe" ? ["unwatch"] : []))
}

type Port = Parameters<ReturnType<typeof Cluster.bootstrap>["serve"]>[0]

/** A port whose other end may exit unnoticed, as the client of a store across a network may. */
const hidingExit = (worker: ChildProcess): Port => ({
  send: worker.send.bind(worker),
  on: (event: string, listener: any) => event === "message" && worker.on(event, listener),
  off: (event: string, listener: any) => event === "message" && worker.off(event, listener)
})

const clusterStore = (
  store: Pick<Store, "name" | "summary">,
  title: string,
  portOf: (worker: ChildProcess) => Port
): Store => ({
  ...store,
  protocols: [],

  open: async () => {
    const primary = Cluster.bootstrap()
    return {
      title,
      attach: async (worker) => {
        let commands: Array<string> = []
        const count = (message: unknown) => void commands.push(...commandsIn(message))
        worker.on("message", count)
        const end = primary.serve(portOf(worker))
        return {
          address: { url: "ipc:" },
          reset: () => {
            commands = []
          },
          commands: () => [...commands],
          [Symbol.asyncDispose]: async () => {
            end()
            worker.off("message", count)
          }
        }
      },
      // The primary is the process's own, and may serve another run.
      [Symbol.asyncDispose]: async () => {}
    }
  },

  connect: async (_, prefix) => {
    const adapter = ClusterAdapter.make({ namespace: prefix, port: process, commandTimeout })
    // The first answer completes the handshake.
    await Effect.runPromise(adapter.read("connected"))
    return { adapter }
  }
})

/** A killed process keeps its leases until they end, as on a server. */
export const MemoryStore = clusterStore(
  { name: "memory", summary: "the parent's memory, as the primary of a Node cluster: no server" },
  title,
  hidingExit
)

/** The primary notices the exit of a process and frees its leases. */
export const ClusterStore = clusterStore(
  { name: "cluster", summary: "the same, but a lease is freed as soon as its process exits: no server" },
  `${title}, which notices the exit of a process`,
  (worker) => worker
)

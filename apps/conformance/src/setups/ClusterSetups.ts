/** The setup on a primary in a thread of its own. Two links reach it over a port each, as two workers would. */
import { once } from "node:events"
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads"
import { ClusterAdapter } from "@cache-locking/cluster"
import type { Claims, StoredRecord } from "@cache-locking/conformance-kit"
import * as Effect from "effect/Effect"
import { type AdapterSetup, type AdapterSetups, noClaims, scoped } from "./AdapterSetup.ts"
import { tiered } from "./Tiered.ts"

/** The messages to the thread. */
export type ToPrimary =
  | { readonly name: "serve"; readonly port: MessagePort }
  | { readonly name: "look"; readonly namespace: string; readonly key: string; readonly answer: MessagePort }
  /** The thread sets the flag when it has stopped, and goes on when the flag is set again. */
  | { readonly name: "stop"; readonly flag: Int32Array<SharedArrayBuffer> }

const claims: Claims = {
  ...noClaims,
  close: true,
  watch: true,
  keys: true,
  changes: true,
  acquireMany: true,
  deleteMany: true,
  clock: "store"
}

const namespace = "conformance"

// The same file as source and as compiled.
const script = new URL(import.meta.url.endsWith(".ts") ? "./primary.ts" : "./primary.js", import.meta.url)

const tell = (primary: Worker, message: ToPrimary, ...moved: ReadonlyArray<MessagePort>): void =>
  primary.postMessage(message, moved)

/** One worker's adapter, and the function that ends its link. */
const peerOf = (primary: Worker) => {
  const { port1, port2 } = new MessageChannel()
  tell(primary, { name: "serve", port: port1 }, port1)
  // Expired entries are removed without a call.
  const adapter = ClusterAdapter.make({ namespace, port: port2, space: { ttlAutopurge: true } })
  return { adapter, close: () => port2.close() }
}

const look = async (primary: Worker, key: string): Promise<ReadonlyArray<StoredRecord>> => {
  const { port1, port2 } = new MessageChannel()
  const answered = once(port2, "message")
  tell(primary, { name: "look", namespace, key, answer: port1 }, port1)
  const [records] = await answered
  port2.close()
  return records
}

/** Completes when the thread has stopped, and returns the function that lets it go on. */
const stop = async (primary: Worker): Promise<() => void> => {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  tell(primary, { name: "stop", flag })
  const stopped = Atomics.waitAsync(flag, 0, 0)
  await stopped.value
  return () => {
    Atomics.store(flag, 0, 2)
    Atomics.notify(flag, 0)
  }
}

const cluster: AdapterSetup = {
  title: "The primary of a Node cluster",
  package: "@cache-locking/cluster",
  open: Effect.gen(function* () {
    const primary = yield* scoped(
      () => new Worker(script),
      (thread) => thread.terminate()
    )
    const stall = scoped(
      () => stop(primary),
      (goOn) => goOn()
    )
    return {
      server: { name: "Node", version: process.versions.node, how: "path" },
      setup: {
        name: "cluster",
        claims,
        peers: () => {
          const [here, there] = [peerOf(primary), peerOf(primary)]
          const close = () => {
            here.close()
            there.close()
          }
          return { here: here.adapter, there: there.adapter, close }
        },
        records: (key) => Effect.promise(() => look(primary, key)),
        // Well beyond the adapter's own timeout of two seconds.
        stall: { begin: Effect.asVoid(stall), within: 10_000 }
      }
    }
  })
}

export const clusterSetups: AdapterSetups = { cluster, "cluster-tiered": tiered(cluster, "cluster-tiered") }

/** A thread that is the primary: it serves ports, reports its records of a key, and stops on request. */
import { parentPort } from "node:worker_threads"
import { Cluster } from "@cache-locking/cluster"
import type { ToPrimary } from "./ClusterSetups.ts"

const primary = Cluster.bootstrap()

parentPort?.on("message", (message: ToPrimary) => {
  if (message.name === "serve") primary.serve(message.port)
  else if (message.name === "look") {
    const { answer, key, namespace } = message
    answer.postMessage(primary.space(namespace, undefined).recordsOf(key))
    answer.close()
  } else {
    // The whole thread stands still until the flag is set again: no timer, no answer.
    Atomics.store(message.flag, 0, 1)
    Atomics.notify(message.flag, 0)
    Atomics.wait(message.flag, 0, 1)
  }
})

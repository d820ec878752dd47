/** The whole contract: two real workers of a cluster as peers, the primary as a peer, a thread, a channel that knows only JSON. */
import cluster, { type Worker } from "node:cluster"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { MessageChannel } from "node:worker_threads"
import type { Claims } from "@cache-locking/conformance-kit"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { AdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { afterAll } from "vitest"
import { Cluster, ClusterAdapter } from "../src/index.ts"
import { pair } from "./fixtures/Pair.ts"
import { use } from "./fixtures/Relay.ts"

const claims: Claims = {
  watch: true,
  keys: true,
  changes: true,
  acquireMany: true,
  deleteMany: true,
  hitUnsafe: false,
  close: false,
  clock: "store"
}

const primary = Cluster.bootstrap()
afterAll(() => primary.close())

const forked = async (): Promise<Worker> => {
  const exec = fileURLToPath(new URL("./fixtures/relayed.ts", import.meta.url))
  cluster.setupPrimary({ exec, serialization: "advanced" })
  const worker = cluster.fork()
  await new Promise<void>((resolve) => worker.on("message", (message) => message === "ready" && resolve()))
  return worker
}

const peerOf = (worker: Worker) =>
  use(worker as never, ClusterAdapter.make({ namespace: "conformance" }), (fields) => new AdapterError(fields))

const ended = async (...workers: ReadonlyArray<Worker>): Promise<void> => {
  for (const worker of workers) {
    worker.process.kill()
    if (!worker.isDead()) await once(worker, "exit")
  }
}

let first: Worker | undefined

suite({
  name: "two workers of a cluster",
  claims,
  peers: async () => {
    const [here, there] = [await forked(), await forked()]
    first = here
    return { here: peerOf(here), there: peerOf(there), close: () => ended(here, there) }
  },
  stall: {
    within: 1_500,
    // The primary's answers to the first worker's link stay where they are; the test's own relay goes on.
    begin: Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => {
          const worker = first!
          const send = worker.send
          const held: Array<Parameters<typeof send>> = []
          worker.send = ((...args: Parameters<typeof send>) => {
            if ("cacheLocking" in Object(args[0])) return held.push(args) > 0
            return send.apply(worker, args)
          }) as typeof send
          return () => {
            worker.send = send
            for (const args of held) send.apply(worker, args)
          }
        }),
        (release) => Effect.sync(release)
      )
    )
  }
})

suite({
  name: "a thread's port and the primary itself",
  claims,
  peers: () => {
    const { port1, port2 } = new MessageChannel()
    const end = primary.serve(port1)
    return {
      here: ClusterAdapter.make({ namespace: "threads", port: port2 }),
      there: ClusterAdapter.make({ namespace: "threads" }),
      close: () => {
        end()
        port1.close()
      }
    }
  }
})

suite({
  name: "channels that know only JSON",
  claims,
  peers: () => {
    const ends = [pair("json"), pair("json")] as const
    for (const { primary: end } of ends) primary.serve(end)
    const [here, there] = ends.map(({ worker }) => ClusterAdapter.make({ namespace: "json", port: worker }))
    const close = () => {
      for (const { cut } of ends) cut()
    }
    return { here: here!, there: there!, close }
  }
})

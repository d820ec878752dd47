/** The whole contract: two real workers of a cluster as peers, the primary as a peer, a thread, a channel that knows only JSON. */
import cluster, { type Worker } from "node:cluster"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { MessageChannel } from "node:worker_threads"
import type { Claims, Records, Stall } from "@cache-locking/conformance-kit"
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
  close: true,
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

/** The primary's records of a key. Timers remove them, without a call that meets them. */
const space = { ttlAutopurge: true }
const recordsOf =
  (namespace: string): Records =>
  (key) =>
    Effect.sync(() => primary.space(namespace, undefined).recordsOf(key))

/** Holds back the primary's answers to a link. The test's own relay still works. */
const stallOf = (hold: () => () => void): Stall => ({
  within: 1_500,
  begin: Effect.asVoid(Effect.acquireRelease(Effect.sync(hold), (release) => Effect.sync(release)))
})

/** Holds back the protocol's messages that this method sends, until the returned function is called. */
const held = (end: object, method: string): (() => void) => {
  const methods = end as Record<string, (...args: ReadonlyArray<unknown>) => unknown>
  const send = methods[method]!
  const kept: Array<ReadonlyArray<unknown>> = []
  methods[method] = (...args) => {
    if ("cacheLocking" in Object(args[0])) return kept.push(args) > 0
    return send.apply(end, [...args])
  }
  return () => {
    methods[method] = send
    for (const args of kept) send.apply(end, [...args])
  }
}

let first: Worker | undefined

suite({
  name: "two workers of a cluster",
  // The test reaches them by messages, which carry every verb but this one.
  claims: { ...claims, close: false },
  peers: async () => {
    const [here, there] = [await forked(), await forked()]
    first = here
    return { here: peerOf(here), there: peerOf(there), close: () => ended(here, there) }
  },
  records: recordsOf("conformance"),
  stall: stallOf(() => held(first!, "send"))
})

const { port1, port2 } = new MessageChannel()
/** A bound small enough to be tested. */
const small = { ...space, maxEntrySize: 1024 * 1024 }

suite({
  name: "a thread's port and the primary itself",
  claims,
  peers: () => {
    const end = primary.serve(port1)
    return {
      here: ClusterAdapter.make({ namespace: "threads", port: port2, space: small, commandTimeout: 1_000 }),
      there: ClusterAdapter.make({ namespace: "threads", space: small }),
      close: () => {
        end()
        port1.close()
      }
    }
  },
  records: recordsOf("threads"),
  stall: stallOf(() => held(port1, "postMessage"))
})

const ends = [pair("json"), pair("json")] as const

suite({
  name: "channels that know only JSON",
  claims,
  peers: () => {
    for (const { primary: end } of ends) primary.serve(end)
    const [here, there] = ends.map(({ worker }) =>
      ClusterAdapter.make({ namespace: "json", port: worker, space, commandTimeout: 1_000 })
    )
    const close = () => {
      for (const { cut } of ends) cut()
    }
    return { here: here!, there: there!, close }
  },
  records: recordsOf("json"),
  stall: stallOf(() => ends[0].hold("primary"))
})

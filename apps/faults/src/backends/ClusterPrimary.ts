/**
 * The primary of a Node cluster, which is the coordinator. Its only fault is a blocked event loop: the workers of a primary
 * that dies end with it.
 */
import cluster from "node:cluster"
import { type Backend, bound } from "./Backend.ts"

export const backend: Backend = {
  name: "cluster",
  pace: 80,
  leases: [1_000, 3_000],
  commandTimeout: 1_000,
  open: async () => {
    const { Cluster } = await import("@cache-locking/cluster")
    let primary = Cluster.bootstrap()
    return {
      title: `node:cluster ${process.version}`,
      target: undefined,
      faults: ["server-pause"],
      pause: async (millis) => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)
      },
      kill: async () => primary.close(),
      restart: async () => {
        primary = Cluster.bootstrap()
      },
      fork: (exec, env) => {
        cluster.setupPrimary({
          exec,
          execArgv: [...process.execArgv],
          serialization: "advanced",
          silent: true,
          args: []
        })
        return cluster.fork(env).process as ReturnType<NonNullable<Awaited<ReturnType<Backend["open"]>>["fork"]>>
      },
      close: async () => primary.close()
    }
  },
  connect: async (_, options) => {
    const { ClusterAdapter } = await import("@cache-locking/cluster")
    return { adapter: ClusterAdapter.make({ namespace: options.prefix, ...bound(options) }), close: async () => {} }
  }
}

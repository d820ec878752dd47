/** Runs workers, and collects their reports. */
import cluster, { type Worker } from "node:cluster"
import { fileURLToPath } from "node:url"
import { bootstrap } from "@cache-locking/cluster/promise"
import { forgetChanges } from "./InFrontOfRedis.ts"

/** The report of a worker. */
export interface Report {
  readonly passed: { readonly fixed: number; readonly sliding: number }
  readonly worked: number
  readonly visited: string
  readonly origins: number
}

const reportOf = (worker: Worker): Promise<Report> =>
  new Promise((resolve, reject) => {
    worker.on("message", (message: Partial<Report>) => {
      // The cache's own messages take the same channel.
      if (message?.passed !== undefined) resolve(message as Report)
    })
    worker.once("exit", (code) => reject(new Error(`the worker ended with ${code} without a report`)))
  })

/** Runs workers until they exit. */
export const runWorkers = async (count: number, env: Record<string, string> = {}): Promise<ReadonlyArray<Report>> => {
  bootstrap()
  const url = env["REDIS_URL"] ?? process.env["REDIS_URL"]
  const end = url === undefined ? undefined : await forgetChanges(url)
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"
  cluster.setupPrimary({
    exec: fileURLToPath(new URL(`./worker.${extension}`, import.meta.url)),
    serialization: "advanced"
  })
  const now = String(Math.floor(Date.now() / 60_000) * 60_000)
  try {
    return await Promise.all(Array.from({ length: count }, () => reportOf(cluster.fork({ ...env, NOW: now }))))
  } finally {
    await end?.()
  }
}

/** A job intake. The same job may arrive twice, from the same sender or through two workers, and is done once. */
import type { PromiseClusterCache } from "@cache-locking/cluster/promise"

/** The state of a job. */
export type Job = { readonly state: "running" } | { readonly state: "done"; readonly answer: string }

/** Does a job unless it was taken before. A job that fails may be sent again. */
export const take = async (
  jobs: PromiseClusterCache<Job>,
  id: string,
  work: () => Promise<string>
): Promise<"done" | "repeated"> => {
  // The ttl bounds the time of a worker: after it, a job whose worker died may be sent again.
  if (!(await jobs.setIfAbsent(id, { state: "running" }, { ttl: "1 minute" }))) return "repeated"
  try {
    await jobs.set(id, { state: "done", answer: await work() }, { ttl: "1 day" })
    return "done"
  } catch (error) {
    await jobs.delete(id)
    throw error
  }
}

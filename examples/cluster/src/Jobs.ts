/** Job intake that may be told the same job twice, by the same sender or through two workers, and does it once. */
import type { PromiseClusterCache } from "@cache-locking/cluster/promise"

/** What is known of a job. */
export type Job = { readonly state: "running" } | { readonly state: "done"; readonly answer: string }

/** Does a job unless it was taken before. One that fails may be sent again. */
export const take = async (
  jobs: PromiseClusterCache<Job>,
  id: string,
  work: () => Promise<string>
): Promise<"done" | "repeated"> => {
  // The ttl is how long a worker may take: a job whose worker died may be sent again after that.
  if (!(await jobs.setIfAbsent(id, { state: "running" }, { ttl: "1 minute" }))) return "repeated"
  try {
    await jobs.set(id, { state: "done", answer: await work() }, { ttl: "1 day" })
    return "done"
  } catch (error) {
    await jobs.delete(id)
    throw error
  }
}

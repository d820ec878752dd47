/** A worker that runs all examples, at the same time as other workers, and reports the results. */
import { setTimeout as sleep } from "node:timers/promises"
import { createClusterCache } from "@cache-locking/cluster/promise"
import { openUsers } from "./InFrontOfRedis.ts"
import { type Job, take } from "./Jobs.ts"
import { fixedWindow, slidingWindow } from "./RateLimit.ts"
import { openSessions } from "./Sessions.ts"

const counters = createClusterCache<number>({ namespace: "limits" })
const jobs = createClusterCache<Job>({ namespace: "jobs" })
const sessions = openSessions(60_000)

// The same instant for all workers, so that they count in one window.
const now = Number(process.env["NOW"])
const limit = { most: 10, window: 60_000 }
const times = <A>(count: number, each: () => Promise<A>) => Promise.all(Array.from({ length: count }, each))

const passed = {
  fixed: (await times(10, () => fixedWindow(counters, "ada", limit, now))).filter(Boolean).length,
  sliding: (await times(10, () => slidingWindow(counters, "ada", limit, now))).filter(Boolean).length
}
const jobsTaken = await times(5, () => take(jobs, "job 17", () => sleep(20, "worked")))
const mine = await sessions.begin(`user of ${process.pid}`)
const visited = (await sessions.visit(mine))?.user

let origins = 0
const url = process.env["REDIS_URL"]
if (url !== undefined) {
  const users = openUsers(url, async (id) => {
    origins++
    return sleep(50, `user ${id}`)
  })
  await times(100, () => users.get("1"))
  await users.close()
}

process.send!({ passed, worked: jobsTaken.filter((each) => each === "done").length, visited, origins })
process.disconnect()

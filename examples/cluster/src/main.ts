/** Runs four workers and prints their reports. With `REDIS_URL` they also use the far tier. */
import { runWorkers } from "./Workers.ts"

for (const report of await runWorkers(4)) console.log(report)

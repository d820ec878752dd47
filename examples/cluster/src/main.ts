/** Four workers, and what they did together. With `REDIS_URL` they use the tier behind, too. */
import { runWorkers } from "./Workers.ts"

for (const told of await runWorkers(4)) console.log(told)

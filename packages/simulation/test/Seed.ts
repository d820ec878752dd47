/** The first of the seeds of this run: from the variable `CACHE_LOCKING_SEED`, to repeat a run, or a fresh one. */
export const freshSeed: number = Number(process.env["CACHE_LOCKING_SEED"] ?? Math.floor(Math.random() * 1e9))

console.log(`simulation: fresh histories are reproduced by CACHE_LOCKING_SEED=${freshSeed}`)

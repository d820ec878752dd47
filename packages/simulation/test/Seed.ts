/** The first seed: one that is always the same, so that no run fails by chance, or that of `CACHE_LOCKING_SEED`. */
export const firstSeed: number = Number(process.env["CACHE_LOCKING_SEED"] ?? 1)

console.log(`simulation: seeds from ${firstSeed} on; CACHE_LOCKING_SEED=${Date.now() % 1e9} would be fresh ones`)

/**
 * The machine's monotonic clock. It is one clock for all processes of a machine, so what
 * several of them saw can be laid side by side.
 */

/** Milliseconds since some instant of the past, the same one for every process. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

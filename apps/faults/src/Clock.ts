/** Milliseconds of the machine's monotonic clock, which all its processes share and no wrong wall clock changes. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

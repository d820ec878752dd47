/** Repeats an operation in batches long enough for the clock, after a warm-up that lets it be compiled. */
import type { Probe, Sample } from "../Suite.ts"

export interface Batches {
  /** Runs this many operations. */
  readonly run: (n: number) => Promise<void>
  /** Operations come in multiples of this. Default 1. */
  readonly unit?: number
  readonly quick: boolean
  /** Milliseconds. Default 40. */
  readonly batch?: number
  /** The time in which a batch is that long. Default `time`. */
  readonly by?: keyof Spent | undefined
}

/** In nanoseconds. */
export interface Spent {
  /** By the clock. */
  readonly time: number
  /**
   * The time in which this thread ran, without waiting. A loaded machine lengthens the other time, and hardly this one.
   */
  readonly cpu: number
}

/** Microseconds in which this thread ran. */
const ran = (): number => {
  // Linux updates the thread's own time only when it is asked for that of the whole process.
  process.cpuUsage()
  const { system, user } = process.threadCpuUsage()
  return system + user
}

export const spent = async (work: () => Promise<unknown>): Promise<Spent> => {
  const used = ran()
  const began = process.hrtime.bigint()
  await work()
  const time = Number(process.hrtime.bigint() - began)
  return { time, cpu: (ran() - used) * 1e3 }
}

/** Both per operation. */
const spentEach = async (run: (n: number) => Promise<void>, n: number): Promise<Spent> => {
  const { cpu, time } = await spent(() => run(n))
  return { time: time / n, cpu: cpu / n }
}

/** Nanoseconds per operation. */
export const timed = async (run: (n: number) => Promise<void>, n: number): Promise<number> =>
  (await spentEach(run, n)).time

/** Warms up, and returns the number of operations that a batch needs. */
export const calibrate = async ({ batch = 40, by = "time", quick, run, unit = 1 }: Batches): Promise<number> => {
  const warm = (quick ? 2 : 400) * 1e6
  const target = (quick ? 1 : batch) * 1e6
  let n = unit
  let spent = 0
  let perOperation = 0
  while (spent < warm) {
    // A time below the resolution of the CPU clock must not count as 0.
    perOperation = (await spentEach(run, n))[by] || 1e3 / n
    spent += perOperation * n
    // No batch of the warm-up is longer than a measured one.
    n = Math.max(unit, Math.ceil(Math.min(n * 2, target / perOperation) / unit) * unit)
  }
  return Math.max(unit, Math.ceil(target / perOperation / unit) * unit)
}

/** A probe that times batches, with the other figures of each sample. */
export const batches = async (
  options: Batches & {
    readonly also?: Sample
    readonly verify?: () => void
    readonly close?: () => Promise<void>
  }
): Promise<Probe> => {
  const n = await calibrate(options)
  options.verify?.()
  return {
    sample: async () => {
      const each = await spentEach(options.run, n)
      options.verify?.()
      return { ...each, ...options.also }
    },
    close: options.close ?? (async () => {})
  }
}

/** Repeats an operation in batches long enough for the clock, after a warm-up that lets it be compiled. */
import type { Probe, Sample } from "./Suite.ts"

export interface Batches {
  /** Runs so many operations. */
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
  /** In which this thread ran: a loaded machine stretches the other, and hardly this. Waiting is not in it. */
  readonly cpu: number
}

/** Microseconds in which this thread ran. */
const ran = (): number => {
  // Linux brings the thread's own account up to date only when it is asked for the whole process.
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

/** Warms up, and answers how many operations a batch needs. */
export const calibrate = async ({ batch = 40, by = "time", quick, run, unit = 1 }: Batches): Promise<number> => {
  const warm = (quick ? 2 : 400) * 1e6
  const target = (quick ? 1 : batch) * 1e6
  let n = unit
  let spent = 0
  let perOperation = 0
  while (spent < warm) {
    // What took less than the CPU clock can tell is not nothing.
    perOperation = (await spentEach(run, n))[by] || 1e3 / n
    spent += perOperation * n
    // No batch of the warm-up is longer than a measured one.
    n = Math.max(unit, Math.ceil(Math.min(n * 2, target / perOperation) / unit) * unit)
  }
  return Math.max(unit, Math.ceil(target / perOperation / unit) * unit)
}

/** A probe that times batches, with what else each sample tells. */
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

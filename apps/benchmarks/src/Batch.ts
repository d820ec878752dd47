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
}

/** Nanoseconds per operation. */
export const timed = async (run: (n: number) => Promise<void>, n: number): Promise<number> => {
  const began = process.hrtime.bigint()
  await run(n)
  return Number(process.hrtime.bigint() - began) / n
}

/** Warms up, and answers how many operations a batch needs. */
export const calibrate = async ({ batch = 40, quick, run, unit = 1 }: Batches): Promise<number> => {
  const warm = (quick ? 2 : 400) * 1e6
  const target = (quick ? 1 : batch) * 1e6
  let n = unit
  let spent = 0
  let perOperation = 0
  while (spent < warm) {
    perOperation = await timed(run, n)
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
      const time = await timed(options.run, n)
      options.verify?.()
      return { time, ...options.also }
    },
    close: options.close ?? (async () => {})
  }
}

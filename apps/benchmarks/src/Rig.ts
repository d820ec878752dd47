/**
 * Runs a suite: opens every contender, then asks them in turn, round after round, so that other work on the machine
 * affects all of them alike.
 */
import { Child } from "./processes/Child.ts"
import { forkSource } from "./processes/Fork.ts"
import type { Contender, Probe, Row, Sample, Setting, Suite } from "./Suite.ts"
import type { Order } from "./Worker.ts"

export interface RunOptions {
  readonly setting: Setting
  readonly rounds?: number | undefined
  /** True to run contenders in this process, for a test. */
  readonly inProcess?: boolean
  readonly onProgress?: (text: string) => void
}

/** A contender that could not be measured, and the reason. */
export interface Failure {
  readonly name: string
  readonly error: string
}

export interface Outcome {
  readonly rows: ReadonlyArray<Row>
  readonly failures: ReadonlyArray<Failure>
}

/** Milliseconds after which a sample counts as stuck: no contender takes so long, however slow. */
const patience = 180_000

const inTime = async <A>(work: Promise<A>): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patience / 1000} s`)), patience)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

interface Running {
  readonly contender: Contender
  readonly samples: Array<Sample>
  failed: boolean
}

export const run = async (suite: Suite, options: RunOptions): Promise<Outcome> => {
  const { inProcess = false, onProgress = () => {}, setting } = options
  const rounds = options.rounds ?? (setting.quick ? Math.min(3, suite.rounds) : suite.rounds)
  const generations = setting.quick ? 1 : Math.min(rounds, suite.generations ?? 1)
  const failures: Array<Failure> = []
  const running: ReadonlyArray<Running> = suite.contenders.map((contender) => ({
    contender,
    samples: [],
    failed: false
  }))

  const attempt = async <A>(one: Running, work: () => Promise<A>): Promise<A | undefined> => {
    try {
      return await inTime(work())
    } catch (error) {
      one.failed = true
      failures.push({ name: one.contender.name, error: error instanceof Error ? error.message : String(error) })
      return undefined
    }
  }

  const open = ({ name, open }: Contender): Promise<Probe> => {
    if (!suite.isolated || inProcess) return open(setting)
    const order: Order = { suite: suite.name, contender: name, setting }
    return Child.open(forkSource(new URL("./Worker.ts", import.meta.url), [JSON.stringify(order)]))
  }

  const generation = async (from: number, to: number): Promise<void> => {
    const probes = new Map<Running, Probe>()
    try {
      for (const one of running) {
        if (one.failed) continue
        onProgress(`${suite.name}: opening ${one.contender.name}`)
        const probe = await attempt(one, () => open(one.contender))
        if (probe !== undefined) probes.set(one, probe)
      }
      for (let round = from; round < to; round++) {
        onProgress(`${suite.name}: round ${round + 1} of ${rounds}`)
        for (let i = 0; i < running.length; i++) {
          // No contender is always first, or always after the same one.
          const one = running[(i + round) % running.length]!
          if (one.failed) continue
          const sample = await attempt(one, () => probes.get(one)!.sample())
          if (sample !== undefined) one.samples.push(sample)
        }
      }
    } finally {
      for (const probe of probes.values()) await probe.close().catch(() => {})
    }
  }

  for (let i = 0; i < generations; i++) {
    await generation(Math.round((i * rounds) / generations), Math.round(((i + 1) * rounds) / generations))
  }
  const rows = running.flatMap(({ contender, failed, samples }) => (failed ? [] : [{ name: contender.name, samples }]))
  return { rows, failures }
}

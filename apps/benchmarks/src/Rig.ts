/**
 * Runs a suite: opens every contender, then asks them in turn, round after round, so that whatever else the
 * machine does meanwhile meets all of them alike.
 */
import { Child } from "./Child.ts"
import type { Contender, Probe, Row, Setting, Suite } from "./Suite.ts"

export interface RunOptions {
  readonly setting: Setting
  readonly rounds?: number | undefined
  /** Forgoes processes of their own, for a test. */
  readonly inProcess?: boolean
  readonly onProgress?: (text: string) => void
}

/** A contender that could not be measured, and why. */
export interface Failure {
  readonly name: string
  readonly error: string
}

export interface Outcome {
  readonly rows: ReadonlyArray<Row>
  readonly failures: ReadonlyArray<Failure>
}

/** No contender takes so long for one sample, however slow: what does is stuck. Milliseconds. */
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
  readonly name: string
  readonly probe: Probe
  readonly samples: Array<Row["samples"][number]>
}

export const run = async (suite: Suite, options: RunOptions): Promise<Outcome> => {
  const { inProcess = false, onProgress = () => {}, setting } = options
  const rounds = options.rounds ?? (setting.quick ? Math.min(3, suite.rounds) : suite.rounds)
  const failures: Array<Failure> = []
  let running: Array<Running> = []

  const attempt = async (name: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      failures.push({ name, error: error instanceof Error ? error.message : String(error) })
      return false
    }
  }

  const open = ({ name, open }: Contender): Promise<Probe> =>
    suite.isolated && !inProcess ? Child.open({ suite: suite.name, contender: name, setting }) : open(setting)

  try {
    for (const contender of suite.contenders) {
      onProgress(`${suite.name}: opening ${contender.name}`)
      await attempt(contender.name, async () => {
        running.push({ name: contender.name, probe: await inTime(open(contender)), samples: [] })
      })
    }
    for (let round = 0; round < rounds; round++) {
      onProgress(`${suite.name}: round ${round + 1} of ${rounds}`)
      const failed = new Set<Running>()
      for (let i = 0; i < running.length; i++) {
        // Nobody is always first, or always after the same one.
        const one = running[(i + round) % running.length]!
        const fine = await attempt(one.name, async () => void one.samples.push(await inTime(one.probe.sample())))
        if (!fine) failed.add(one)
      }
      for (const { probe } of failed) await probe.close().catch(() => {})
      running = running.filter((one) => !failed.has(one))
    }
    return { rows: running.map(({ name, samples }) => ({ name, samples })), failures }
  } finally {
    for (const { probe } of running) await probe.close().catch(() => {})
  }
}

import { type Limits, supervise } from "./Supervisor.ts"

/** The counts of a step. A check that is no test suite counts as one. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** The names of the failures, with a few lines for each. */
  readonly failures: ReadonlyArray<string>
}

export interface Step {
  readonly name: string
  readonly run: (limits: Limits) => Promise<Tally>
}

export const failedOnce = (failure: string): Tally => ({ passed: 0, failed: 1, skipped: 0, failures: [failure] })

/** A step that passes or fails as a whole, by its exit code. */
export const command = (name: string, program: string, ...args: ReadonlyArray<string>): Step => ({
  name,
  run: async (limits) => {
    const { code, lastLines, reason } = await supervise(program, args, limits)
    if (code !== 0) return failedOnce(`${name} ${reason}\n${indented(lastLines)}`)
    return { passed: 1, failed: 0, skipped: 0, failures: [] }
  }
})

/** The beginning of a message, because a whole one may be a page of differences. */
export const indented = (message: string): string =>
  message
    .split("\n")
    .slice(0, 4)
    .map((line) => `    ${line}`)
    .join("\n")

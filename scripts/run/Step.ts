import { run } from "./Command.ts"

/** What a step counted. A check that is no test suite counts as one. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** What failed, a line or a few for each, where the step can tell. */
  readonly failures?: ReadonlyArray<string>
}

export interface Step {
  readonly name: string
  readonly run: () => Promise<Tally>
}

/** A step that passes or fails as a whole, by its exit code. */
export const command = (name: string, program: string, ...args: ReadonlyArray<string>): Step => ({
  name,
  run: async () => {
    const { code } = await run(program, args)
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
  }
})

import { failedOnce, type Step } from "./Step.ts"
import type { Outcome } from "./Summary.ts"
import type { Limits } from "./Supervisor.ts"

/** Runs the steps one after the other. If one fails, hangs or crashes, the others still run. */
export const runSteps = async (steps: ReadonlyArray<Step>, limits: Limits): Promise<ReadonlyArray<Outcome>> => {
  const outcomes: Array<Outcome> = []
  for (const step of steps) {
    console.log(`\n── ${step.name} ${"─".repeat(Math.max(0, 76 - step.name.length))}`)
    const start = performance.now()
    const tally =
      start > limits.deadline
        ? failedOnce(`${step.name} was not begun because the time of the whole run was up`)
        : await step.run(limits).catch((error: unknown) => failedOnce(`${step.name} could not be run: ${error}`))
    outcomes.push({ name: step.name, seconds: (performance.now() - start) / 1000, ...tally })
  }
  return outcomes
}

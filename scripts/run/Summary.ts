import type { Tally } from "./Step.ts"

export interface Outcome extends Tally {
  readonly name: string
  readonly seconds: number
}

/** The failures, the table of steps and, alone on the last line, the totals. A run in which nothing ran is no success. */
export const summary = (outcomes: ReadonlyArray<Outcome>): { readonly text: string; readonly ok: boolean } => {
  const rows = outcomes.map(
    (each) =>
      `${each.failed > 0 ? "✗" : "✓"} ${each.name.padEnd(34)} ${count(each).padEnd(34)} ${each.seconds.toFixed(1).padStart(6)} s`
  )
  const failures = outcomes.flatMap(({ failures }) => failures.map((failure) => `✗ ${failure}`))
  const total = outcomes.reduce<Counts>(
    (sum, each) => ({
      passed: sum.passed + each.passed,
      failed: sum.failed + each.failed,
      skipped: sum.skipped + each.skipped
    }),
    { passed: 0, failed: 0, skipped: 0 }
  )
  return {
    text: ["", ...failures, "", ...rows, "", count(total)].join("\n"),
    ok: total.failed === 0 && total.passed > 0
  }
}

type Counts = Omit<Tally, "failures">

const count = ({ failed, passed, skipped }: Counts) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`

/** One test of a suite, as data: the bindings give it to a runner. */
import { Violation } from "../world/Verdict.ts"

export interface Check {
  readonly name: string
  /** Rejects where the adapter is wrong, with `NotApplicable` where it cannot be tried. */
  readonly run: () => Promise<void>
}

/** The condition holds; `what` says what went wrong where it does not. */
export function ensure(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Violation(what)
}

/** The number of timers in this process. */
export const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length

/** One test of a suite, as data: the bindings give it to a runner. */
import { Violation } from "../world/Verdict.ts"

export interface Check {
  readonly name: string
  /** Rejects if the adapter is wrong, with `NotApplicable` if the check cannot be made. */
  readonly run: () => Promise<void>
}

/** Asserts a condition; `what` describes the failure. */
export function ensure(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Violation(what)
}

/** The number of timers in this process. */
export const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length

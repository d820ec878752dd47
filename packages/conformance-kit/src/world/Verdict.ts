/**
 * The reasons why a case does not pass: the law was broken, the machine was too slow, or the case does not apply. Cases
 * throw these, and the runner sorts them.
 */

/** The adapter broke the law. */
export class Violation extends Error {
  override readonly name = "Violation"
}

/** The answer came too late to prove anything. The case is repeated with longer times. */
export class Inconclusive extends Error {
  override readonly name = "Inconclusive"
}

/** The case does not apply to this adapter, for a reason that can be checked. */
export class NotApplicable extends Error {
  override readonly name = "NotApplicable"
}

/** The result of one case. */
export type Verdict =
  | { readonly outcome: "passed" }
  | { readonly outcome: "failed"; readonly error: Error }
  | { readonly outcome: "skipped"; readonly reason: string }

export const passed: Verdict = { outcome: "passed" }
export const failed = (error: Error): Verdict => ({ outcome: "failed", error })
export const skipped = (reason: string): Verdict => ({ outcome: "skipped", reason })

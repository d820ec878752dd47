/**
 * A rule that a history broke.
 */

/** The rules, by the lines of `docs/specification.md`. */
export type Rule =
  /** S1 */
  | "two-leaders"
  /** S2 */
  | "voided-value"
  /** S4 */
  | "past-its-window"
  /** S5 */
  | "other-key"
  /** T2 */
  | "no-reason-to-fail"
  /** T3 */
  | "left-out"
  /** L1 */
  | "late-answer"
  /** L2 */
  | "late-wake"
  /** L2 */
  | "needless-fallback"
  /** L3 */
  | "orphaned-lease"
  /** L4 */
  | "never-ends"
  /** L5 */
  | "answered-elsewhere"
  /** L6 */
  | "load-for-nobody"

export interface Violation {
  readonly rule: Rule
  readonly at: number
  readonly message: string
}

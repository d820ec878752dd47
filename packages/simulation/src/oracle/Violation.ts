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
  /** S7 */
  | "kept-although-declined"
  /** S7 */
  | "older-than-declined"
  /** T1, T4 */
  | "false-meta"
  /** T2 */
  | "no-reason-to-fail"
  /** T3 */
  | "left-out"
  /** T5 */
  | "miscounted"
  /** T6 */
  | "false-explanation"
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
  /** L7 */
  | "waits-under-a-mark"

export interface Violation {
  readonly rule: Rule
  readonly at: number
  readonly message: string
}

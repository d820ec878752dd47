/** The results of a run of all cases, as data and as text. */
import type { AdapterLimits } from "@cache-locking/core"
import type { Facts } from "../world/Claims.ts"
import { type LawId, laws, titleOf } from "../world/Law.ts"
import type { Verdict } from "../world/Verdict.ts"

/** One case, judged. */
export interface Judged {
  readonly law: LawId
  readonly name: string
  readonly verdict: Verdict
  readonly millis: number
}

export interface Report {
  /** The setup's name. */
  readonly name: string
  /** The adapter's name. */
  readonly adapter: string
  readonly limits: AdapterLimits
  readonly facts: Facts
  /** Reproduces the random histories: `CACHE_LOCKING_SEED`. */
  readonly seed: number
  readonly cases: ReadonlyArray<Judged>
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** The number of cases with each result. */
export const countsOf = (cases: ReadonlyArray<Judged>): Counts => {
  const of = (outcome: Verdict["outcome"]) => cases.filter(({ verdict }) => verdict.outcome === outcome).length
  return { passed: of("passed"), failed: of("failed"), skipped: of("skipped") }
}

/** The counts of every law that has a case. */
export const byLaw = (report: Report): ReadonlyArray<{ readonly law: LawId } & Counts> =>
  laws
    .map(({ id }) => ({ law: id, ...countsOf(report.cases.filter(({ law }) => law === id)) }))
    .filter(({ failed, passed, skipped }) => passed + failed + skipped > 0)

/** One judged case as JSON, for example from a Worker. */
export interface PlainJudged {
  readonly law: string
  readonly name: string
  readonly outcome: Verdict["outcome"]
  /** Of a failure. */
  readonly message: string
}

/** The judged cases, from JSON. */
export const plain = (report: Report): ReadonlyArray<PlainJudged> =>
  report.cases.map(({ law, name, verdict }) => ({
    law,
    name,
    outcome: verdict.outcome,
    message: verdict.outcome === "failed" ? verdict.error.message : ""
  }))

/** True when no law was broken. */
export const conforms = (report: Report): boolean => countsOf(report.cases).failed === 0

/** The report as text: the failures with their reasons, the skips with theirs, and the count. */
export const format = (report: Report): string => {
  const { failed, passed, skipped } = countsOf(report.cases)
  const lines = report.cases.flatMap(({ law, name, verdict }) => {
    if (verdict.outcome === "passed") return []
    const text = verdict.outcome === "failed" ? verdict.error.message : verdict.reason
    return [`  ${verdict.outcome === "failed" ? "FAILED " : "skipped"} ${titleOf(law)}: ${name}\n          ${text}`]
  })
  const count = `${passed} passed, ${failed} failed, ${skipped} skipped`
  return [`${report.name}: ${count} (CACHE_LOCKING_SEED=${report.seed})`, ...lines].join("\n")
}

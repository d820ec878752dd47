/**
 * The judge of a history. Each allowance is a line of the specification, with its bound by options.
 */
import type { Call, History } from "./History.ts"
import { miscounted } from "./oracle/Counts.ts"
import { falseExplanations } from "./oracle/Explanations.ts"
import {
  answeredElsewhere,
  lateAnswer,
  lateWake,
  loadsForNobody,
  needlessFallback,
  neverEnds,
  orphanedLeases
} from "./oracle/Liveness.ts"
import { falseMeta } from "./oracle/Meta.ts"
import { otherKey, pastItsWindow, twoLeaders, voidedValue } from "./oracle/Safety.ts"
import { leftOut, noReasonToFail } from "./oracle/Truth.ts"
import { keptAlthoughDeclined, olderThanDeclined, waitsUnderAMark } from "./oracle/Uncacheable.ts"
import type { Violation } from "./oracle/Violation.ts"
import type { Story } from "./Story.ts"

export type { Rule, Violation } from "./oracle/Violation.ts"

/** The rules of one call. */
const ofCall: ReadonlyArray<(story: Story, history: History, call: Call) => Iterable<Violation>> = [
  lateAnswer,
  noReasonToFail,
  (_story, history, call) => leftOut(history, call),
  falseMeta,
  (_story, _history, call) => otherKey(call),
  voidedValue,
  pastItsWindow,
  lateWake,
  needlessFallback,
  (_story, _history, call) => answeredElsewhere(call),
  keptAlthoughDeclined,
  olderThanDeclined,
  waitsUnderAMark
]

/** The rules of a whole history. */
const ofHistory: ReadonlyArray<(story: Story, history: History) => Iterable<Violation>> = [
  twoLeaders,
  orphanedLeases,
  neverEnds,
  loadsForNobody,
  (_story, history) => miscounted(history),
  falseExplanations
]

export const judge = (story: Story, history: History): ReadonlyArray<Violation> => [
  ...history.calls.flatMap((call) => ofCall.flatMap((rule) => [...rule(story, history, call)])),
  ...ofHistory.flatMap((rule) => [...rule(story, history)])
]

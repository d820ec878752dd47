/**
 * The judge of a history. Each allowance is a line of the specification, with its bound by options.
 */
import type { Call, History } from "../story/History.ts"
import type { Story } from "../story/Story.ts"
import { miscounted } from "./Counts.ts"
import { falseExplanations } from "./Explanations.ts"
import {
  answeredElsewhere,
  lateAnswer,
  lateWake,
  loadsForNobody,
  needlessFallback,
  neverEnds,
  orphanedLeases
} from "./Liveness.ts"
import { falseMeta } from "./Meta.ts"
import { otherKey, pastItsWindow, twoLeaders, voidedValue } from "./Safety.ts"
import { leftOut, noReasonToFail } from "./Truth.ts"
import { keptAlthoughDeclined, olderThanDeclined, waitsUnderAMark } from "./Uncacheable.ts"
import type { Violation } from "./Violation.ts"

export type { Rule, Violation } from "./Violation.ts"

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

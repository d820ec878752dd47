/**
 * T6: `explain` describes the key as the store has it.
 */
import type { Explained, History } from "../story/History.ts"
import type * as Story from "../story/Story.ts"
import { disagreement, slack } from "./Allowances.ts"
import type { Violation } from "./Violation.ts"

/** Judges those during which the key did not change in the store. */
export function* falseExplanations(story: Story.Story, history: History): Generator<Violation> {
  for (const explained of history.explained) {
    const lie = lieOf(story, history, explained)
    if (lie === undefined) continue
    const { endedAt, key, process } = explained
    yield {
      rule: "false-explanation",
      at: endedAt,
      message: `process ${process} explained ${key} at ${endedAt} ms, although ${lie}`
    }
  }
}

const lieOf = (story: Story.Story, history: History, explained: Explained): string | undefined => {
  const { after, before, endedAt, explanation, key, process, startedAt, waitersHere } = explained
  const { age, coolingFor, holder, leaseEndsIn, state } = explanation
  const waiting = history.calls.filter(
    (call) =>
      call.key === key &&
      call.process === process &&
      call.startedAt <= endedAt &&
      (call.endedAt ?? Infinity) >= startedAt
  )
  if (waitersHere > waiting.length) return `${waiting.length} callers waited at the most, and not ${waitersHere}`
  // A near copy may be behind, and clocks that differ see different lives.
  if (story.tier !== undefined || disagreement(story) > 0) return undefined
  const isNear = (one: number | undefined, ...others: ReadonlyArray<number | undefined>): boolean =>
    others.some((other) => one === other || Math.abs(one! - other!) <= endedAt - startedAt + slack)
  if (holder !== before.holder && holder !== after.holder) return `${before.holder} held the lease, and not ${holder}`
  if (!isNear(leaseEndsIn, before.leaseEndsIn, after.leaseEndsIn)) return `the lease did not end in ${leaseEndsIn} ms`
  if (!isNear(coolingFor, before.coolingFor, after.coolingFor)) return `it did not cool down for ${coolingFor} ms`
  // A value with an invalid tag counts as absent, and so does a mark.
  if (state === "absent") return undefined
  if (state !== before.state && state !== after.state) return `it was ${before.state}, and not ${state}`
  return isNear(age, before.age, after.age) ? undefined : `the value was not ${age} ms old`
}

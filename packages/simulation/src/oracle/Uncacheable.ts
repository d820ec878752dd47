/**
 * Results that are not to be cached.
 */
import type { Call, History, Load } from "../story/History.ts"
import * as Story from "../story/Story.ts"
import { asked, disagreement, faultsWithin, slack } from "./Allowances.ts"
import type { Violation } from "./Violation.ts"

/** S7: nobody finds a value that was not to be cached, but for a `cacheTtl` of 0 with a stale window. */
export function* keptAlthoughDeclined(story: Story.Story, { loads }: History, call: Call): Generator<Violation> {
  const { answer, process } = call
  if (!answer?.value.uncacheable || story.settings.declines === undefined) return
  const { cache } = answer.meta
  const here = loads.find(({ id }) => id === answer.value.load)?.process === process
  if (cache !== "HIT" && cache !== "STALE" && here) return
  // Where clients judge time, a value is fresh for as long as their clocks differ.
  if (story.settings.declines === "cacheTtl" && (cache === "STALE" || disagreement(story) > 0)) return
  yield {
    rule: "kept-although-declined",
    at: call.endedAt!,
    message: `${asked(call)} and found, as ${cache}, a value that was not to be cached`
  }
}

/** The results that a call was told to be declined, before an instant. */
const declinedBefore = (history: History, key: string, at: number): ReadonlyArray<readonly [Call, Load]> =>
  history.calls.flatMap((call) => {
    const { answer, endedAt = Infinity } = call
    if (call.key !== key || answer?.meta.uncached !== "declined" || endedAt >= at) return []
    const load = history.loads.find(({ id }) => id === answer.value.load)
    return load === undefined ? [] : [[call, load] as const]
  })

/**
 * True when the call joined a load of its process that had lost its lease before the newer one began, and whose process
 * could not know that yet: that load goes on with the older value.
 */
const isHeldByALostLoad = (story: Story.Story, { loads }: History, call: Call, newer: Load): boolean =>
  call.startedAt <= newer.startedAt + story.settings.leaseTtl / 3 + 8 * Story.longestDelay(story) + slack &&
  loads.some(
    ({ endedAt = Infinity, key, process, startedAt }) =>
      key === call.key && process === call.process && startedAt < newer.startedAt && endedAt > call.startedAt
  )

/** S7: an older value does not outlive a newer result that was not to be cached. */
export function* olderThanDeclined(story: Story.Story, history: History, call: Call): Generator<Violation> {
  const { answer, key, startedAt } = call
  if (answer === undefined || (answer.meta.cache !== "HIT" && answer.meta.cache !== "STALE")) return
  const found = history.loads.find(({ id }) => id === answer.value.load)
  if (found?.endedAt === undefined || found.beside !== undefined) return
  const delay = 12 * Story.longestDelay(story) + slack + (story.lag ?? 0) + (story.tier?.ttl ?? 0)
  for (const [{ endedAt }, load] of declinedBefore(history, key, startedAt - delay)) {
    // A load does not end what it was not shown.
    const isOlder = found.endedAt + (story.lag ?? 0) < load.startedAt
    if (isHeldByALostLoad(story, history, call, load)) continue
    // A fill that a fault kept from its end may arrive later.
    if (!isOlder || faultsWithin(history, found.startedAt - story.commandTimeout, endedAt! + delay, undefined) > 0)
      continue
    yield {
      rule: "older-than-declined",
      at: call.endedAt!,
      message: `${asked(call)} and got, as ${answer.meta.cache}, a value of ${found.endedAt} ms, although one of ${load.endedAt} ms was not to be cached`
    }
    return
  }
}

/** L7: after a result that was not cached nobody waits for another process, while the mark lives. */
export function* waitsUnderAMark(story: Story.Story, history: History, call: Call): Generator<Violation> {
  const { batch, endedAt, key, kind, process, startedAt } = call
  const { bypassFor = 10_000 } = story.settings
  if (endedAt === undefined || kind !== "get-or-set" || batch !== undefined || bypassFor === 0) return
  const delay = 20 * Story.longestDelay(story) + slack + (story.lag ?? 0)
  const marked = declinedBefore(history, key, startedAt - delay).some(
    ([told, load]) =>
      endedAt < told.endedAt! + bypassFor - delay &&
      history.faults.every(({ from, until }) => from > endedAt || until < load.startedAt - story.commandTimeout) &&
      history.changes.every(
        (change) => change.key !== key || change.startedAt > endedAt || change.startedAt < load.startedAt - delay
      ) &&
      history.loads.every(
        (other) =>
          other.key !== key ||
          other.startedAt > endedAt ||
          (other.endedAt ?? Infinity) < load.startedAt ||
          isMarked(history, other)
      )
  )
  if (!marked) return
  const longest = Math.max(
    0,
    ...history.loads
      .filter((load) => load.key === key && load.process === process)
      .map(({ endedAt = 0, startedAt }) => endedAt - startedAt)
  )
  if (endedAt - startedAt <= 2 * longest + delay) return
  yield {
    rule: "waits-under-a-mark",
    at: startedAt,
    message: `${asked(call)} and was answered after ${endedAt - startedAt} ms, although results of the key were not cached`
  }
}

/** True for a load that leaves a mark, or that has no lease to end. */
const isMarked = ({ calls }: History, load: Load): boolean =>
  load.end === "value" &&
  calls.some(
    ({ answer }) =>
      answer?.value.load === load.id && ["declined", "bypassed", "unavailable"].includes(answer.meta.uncached ?? "")
  )

/**
 * Truth: what a call is told is what happened.
 */
import type { Call, History, Load } from "../story/History.ts"
import * as Story from "../story/Story.ts"
import { asked, disagreement, ended, faultsWithin, slack } from "./Allowances.ts"
import type { Violation } from "./Violation.ts"

/** T2. */
export function* noReasonToFail(story: Story.Story, history: History, call: Call): Generator<Violation> {
  if (call.error === undefined || mayFail(story, history, call)) return
  yield { rule: "no-reason-to-fail", at: call.endedAt!, message: `${asked(call)} and failed: ${call.error}` }
}

/** T3. */
export function* leftOut({ loads }: History, call: Call): Generator<Violation> {
  const { answer, batch, endedAt, error, id, kind } = call
  if (batch === undefined || kind === "get" || endedAt === undefined || answer !== undefined || error !== undefined)
    return
  if (loads.some((load) => load.call === id && load.end === "nothing")) return
  yield { rule: "left-out", at: endedAt, message: `${asked(call)} and got nothing, although its fetch had a value` }
}

/** A call may fail because its origin did, because its time is over, or because a fault kept the store from answering. */
const mayFail = (story: Story.Story, history: History, call: Call): boolean => {
  const { settings } = story
  const { endedAt, error, kind, leavesAt, options, startedAt } = call
  switch (error) {
    case "CALLER_LEFT":
      return leavesAt !== undefined
    case "CACHE_CLOSED":
      return ended(story, call)
    case "ORIGIN_FAILED":
    case "FETCH_TIMEOUT":
    case "LOAD_COOLING":
      return hasFailed(story, history, call)
    case "WAIT_TIMEOUT": {
      const { onWaitTimeout = "fetch", waitMax } = { ...settings, ...options }
      return onWaitTimeout !== "fetch" && endedAt! - startedAt >= waitMax - 1
    }
    case "CACHE_GET_FAILED":
      return (kind === "get" || settings.onAdapterError === "fail") && isStruck(story, history, call)
    default:
      return false
  }
}

/** True when a load of the call's keys failed, or took too long, so late that the call may have got its failure. */
const hasFailed = (story: Story.Story, history: History, { batch, endedAt, key, startedAt }: Call): boolean => {
  const { cooldownMax = 1_000, fetchTimeout } = story.settings
  const { hard = Infinity } = fetchTimeout ?? {}
  const keys = batch ?? [key]
  // A batch may be over before its fetch begins.
  const isOver = (by: Call): boolean =>
    by.batch !== undefined &&
    by.error === "FETCH_TIMEOUT" &&
    keys.some((each) => by.batch?.includes(each)) &&
    by.endedAt! - by.startedAt >= hard - 1
  if (history.calls.some((by) => isOver(by) && by.startedAt <= endedAt!)) return true
  const since = startedAt - cooldownMax - 12 * Story.longestDelay(story) - slack - disagreement(story)
  return history.loads.some((load) => {
    const failedAt = failureOf(history, load, hard)
    return (
      keys.includes(load.key) &&
      failedAt <= endedAt! &&
      failedAt >= since - faultsWithin(history, failedAt, startedAt, undefined)
    )
  })
}

/** When a load failed at the earliest. In a batch its time counts from when the key is known to be loaded, before the fetch. */
const failureOf = ({ calls }: History, { call, end, endedAt = Infinity, startedAt }: Load, hard: number): number => {
  if (end === "failed") return endedAt
  const by = calls.find(({ id }) => id === call)
  const isLate = endedAt - (by?.batch === undefined ? startedAt : by.startedAt) >= hard - 1
  return end !== "cut" || !isLate ? Infinity : by?.batch === undefined ? endedAt : by.startedAt + hard - 1
}

/** Milliseconds after an answer could be had within which a store that was down is up. */
const healing = 1_000

/** True when a fault struck the call. The question may have been asked for an earlier caller of the process. */
const isStruck = (story: Story.Story, { faults }: History, { endedAt, process, startedAt }: Call): boolean => {
  const from = startedAt - 4 * Story.longestDelay(story) - slack - 2 * story.commandTimeout - healing
  return faults.some(
    (fault) =>
      (fault.process === undefined || fault.process === process) && fault.from <= endedAt! && fault.until >= from
  )
}

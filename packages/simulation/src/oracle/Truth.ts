/**
 * Truth: what a call is told is what happened.
 */
import type { Call, History, Load } from "../History.ts"
import * as Story from "../Story.ts"
import { asked, ended, slack } from "./Allowances.ts"
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

/** A call may fail because its origin did, because its cache is closed, or because a fault kept the store from answering. */
const mayFail = (story: Story.Story, { faults, loads }: History, call: Call): boolean => {
  const { batch = [call.key], endedAt, error, process, startedAt } = call
  if (error === "CALLER_LEFT") return call.leavesAt !== undefined
  if (error === "CACHE_CLOSED") return ended(story, call)
  const { fetchTimeout, onWaitTimeout = "fetch" } = story.settings
  if (error === "WAIT_TIMEOUT" && onWaitTimeout !== "fetch") return true
  const mayTimeOut = ({ endedAt = Infinity, startedAt }: Load) =>
    endedAt - startedAt + slack >= (fetchTimeout?.hard ?? Infinity)
  if (error === "FETCH_TIMEOUT") return loads.some((load) => batch.includes(load.key) && mayTimeOut(load))
  if (error === "ORIGIN_FAILED" || error === "LOAD_COOLING")
    return loads.some((load) => batch.includes(load.key) && (load.fails === true || mayTimeOut(load)))
  // The question may have been asked for an earlier caller of the process.
  const from = startedAt - 4 * Story.longestDelay(story) - slack - 2 * story.commandTimeout
  return faults.some(
    (fault) =>
      (fault.process === undefined || fault.process === process) && fault.from <= endedAt! && fault.until >= from
  )
}

/**
 * Liveness: an answer in bounded time, and no lease under which nobody works.
 */
import type { Call, History, Load } from "../story/History.ts"
import * as Story from "../story/Story.ts"
import { arrivesTwice, asked, disagreement, ended, faultsWithin, slack } from "./Allowances.ts"
import type { Violation } from "./Violation.ts"

/** Milliseconds that a store may take to answer before a shorter `waitMax` counts. */
const askingBound = 1_000

/** Milliseconds after which a follower is awake, counted from the fill, without any fault. */
const wakeBound = 1_000

/** Milliseconds after which a lease without a load is given back, counted without faults. */
const orphanBound = 1_000

/** Milliseconds that a load may wait for its turn at the log of invalidations, if a process died while it wrote it. */
const logTurn = 1_500

/** L1. */
export function* lateAnswer(story: Story.Story, history: History, call: Call): Generator<Violation> {
  if (call.endedAt === undefined) return
  const { onWaitTimeout = "fetch", waitMax } = { ...story.settings, ...call.options }
  const leaving =
    call.leavesAt === undefined
      ? Infinity
      : call.leavesAt - call.startedAt + slack + faultsWithin(history, call.startedAt, call.endedAt, call.process)
  // The caller waits for other processes, and then for a load of its own process; of a batch, for all its keys.
  const { batch = [call.key] } = call
  const longest = Math.max(
    0,
    ...history.loads
      .filter(({ key, process }) => batch.includes(key) && process === call.process)
      .map(({ endedAt = 0, startedAt }) => endedAt - startedAt)
  )
  // Who would rather fail waits for a load only if it is its own.
  const isPatient = onWaitTimeout === "fetch" || batch.length > 1 || history.loads.some((load) => load.call === call.id)
  const waiting =
    waitMax +
    (isPatient ? 2 * longest : askingBound) +
    20 * Story.longestDelay(story) +
    (history.faults.length > 0 ? 4 * story.commandTimeout : 0) +
    4 * faultsWithin(history, call.startedAt, call.endedAt, undefined) +
    slack
  const bound = Math.min(leaving, waiting)
  if (call.endedAt - call.startedAt <= bound) return
  yield {
    rule: "late-answer",
    at: call.startedAt,
    message: `${asked(call)} and was answered after ${call.endedAt - call.startedAt} ms; ${bound} ms are allowed`
  }
}

/** Milliseconds for which a process that was not shown a value may wait for a load beside it. */
const unseen = ({ lag = 0, settings }: Story.Story): number => (lag === 0 ? 0 : lag + settings.leaseTtl)

/** L2. */
export function* lateWake(story: Story.Story, history: History, call: Call): Generator<Violation> {
  const { cache } = call.answer?.meta ?? {}
  if (cache !== "MISS-FOLLOWER-HIT" && cache !== "HIT") return
  // A caller whose flight was given up finds the value by itself, as a hit; one that waited for a load of its process may, too.
  const own = ({ key, process }: Load) => process === call.process && (call.batch ?? [call.key]).includes(key)
  if (cache === "HIT" && history.loads.some((load) => own(load) && load.endedAt! >= call.startedAt)) return
  const { value } = call.answer!
  const load = history.loads.find(({ id }) => id === value.load)
  if (load?.endedAt === undefined || load.process === call.process) return
  const until = call.toldAt ?? call.endedAt!
  // Who loads follows nobody, until it learns that its lease is lost.
  const led = history.loads.flatMap((each) => (own(each) && each.endedAt! <= until ? [each.endedAt!] : []))
  const from = Math.max(load.endedAt, call.startedAt, ...led)
  const allowed =
    wakeBound +
    12 * Story.longestDelay(story) +
    unseen(story) +
    faultsWithin(history, from - story.commandTimeout, until, undefined) +
    slack
  if (until - from <= allowed) return
  yield {
    rule: "late-wake",
    at: from,
    message: `${asked(call)}, its value was loaded at ${load.endedAt} ms, and it woke ${until - from} ms later; ${allowed} ms are allowed`
  }
}

/** L2: nobody falls back while a value is there. */
export function* needlessFallback(story: Story.Story, history: History, call: Call): Generator<Violation> {
  if (call.answer?.meta.cache !== "MISS-FOLLOWER-FALLBACK") return
  const { calls, changes, loads } = history
  const fallback = loads.find(({ id }) => id === call.answer?.value.load)
  // A value with a `cacheTtl` of 0 is kept, and never fresh.
  const filled = calls.flatMap(({ answer }) =>
    answer?.meta.cache === "MISS-LEADER" && !answer.value.uncacheable ? [answer.value.load] : []
  )
  for (const { beside, endedAt = Infinity, id, key, startedAt } of fallback === undefined ? [] : loads) {
    if (key !== call.key || !filled.includes(id)) continue
    const until = fallback!.startedAt
    // The values of a batch have the tags of all its keys, where they are given.
    const tagged = beside ?? [key]
    const isGone =
      until > endedAt + story.settings.cacheTtl - disagreement(story) ||
      changes.some(
        (change) => tagged.includes(change.key) && change.startedAt <= until && !(change.returnedAt! < startedAt)
      ) ||
      loads.some((other) => other.key === key && other.endedAt! > endedAt && other.endedAt! <= until) ||
      story.events.some(({ at, do: what }) => what.startsWith("forget") && at >= startedAt && at <= until)
    const from = Math.max(endedAt, call.startedAt)
    const allowed =
      wakeBound +
      12 * Story.longestDelay(story) +
      unseen(story) +
      faultsWithin(history, from - story.commandTimeout, until, undefined) +
      slack
    if (isGone || until - from <= allowed) continue
    yield {
      rule: "needless-fallback",
      at: until,
      message: `${asked(call)} and loaded without a lease at ${until} ms, although a value was there since ${endedAt} ms; ${allowed} ms are allowed`
    }
  }
}

/** L3. */
export function* orphanedLeases(story: Story.Story, history: History): Generator<Violation> {
  for (const { from, key, process, until } of history.orphans) {
    const turn = story.settings.tags === "told" ? logTurn + 16 * Story.longestDelay(story) : 0
    // A request that a fault made late arrives a message after the fault.
    const allowed =
      orphanBound +
      turn +
      disagreement(story) +
      (arrivesTwice(story, process, "acquire", { from: 0, until: from }, from - story.settings.leaseTtl) ||
      story.waitUntil === false
        ? story.settings.leaseTtl
        : 0) +
      faultsWithin(history, from - Story.longestDelay(story) - slack, until, process)
    if (until - from <= allowed) continue
    yield {
      rule: "orphaned-lease",
      at: from,
      message: `process ${process} held the lease of ${key} for ${until - from} ms and did not work; ${allowed} ms are allowed`
    }
  }
}

/** L4. */
export function* neverEnds(story: Story.Story, history: History): Generator<Violation> {
  for (const call of history.calls) {
    if (call.endedAt === undefined && !ended(story, call))
      yield { rule: "never-ends", at: call.startedAt, message: `${asked(call)} and has no answer` }
  }
  if (history.leftFlights > 0)
    yield { rule: "never-ends", at: Infinity, message: `${history.leftFlights} callers wait when all is over` }
}

/** L5. */
export function* answeredElsewhere(call: Call): Generator<Violation> {
  if (!call.isForeign) return
  yield {
    rule: "answered-elsewhere",
    at: call.endedAt!,
    message: `${asked(call)} in request ${call.request}, and the work of another request answered it`
  }
}

/** L6: when its last caller has left a load ends, unless it is in the background of a stale value, or early. */
export function* loadsForNobody(story: Story.Story, history: History): Generator<Violation> {
  const { earlyRefresh, onLeaseLost, refreshConcurrency } = story.settings
  for (const load of history.loads) {
    const { beside = [load.key], endedAt = Infinity, process, startedAt } = load
    const callers = history.calls.filter(
      (call) =>
        call.process === process && call.kind !== "get" && beside.includes(call.key) && call.startedAt <= endedAt
    )
    // One request does not end what another one began.
    if (callers.some(({ request }) => request !== load.request)) continue
    // Between the stale answer and the load lie some messages; or the turn of a load that found no slot, or a first load that
    // was stopped when its lease was lost.
    const messages = 16 * Story.longestDelay(story) + slack + faultsWithin(history, 0, startedAt, process)
    const since = refreshConcurrency !== undefined || onLeaseLost === "interrupt" ? 0 : startedAt - messages
    // Whoever finds a fresh value may begin an early refresh.
    const behind = ({ answer, endedAt = 0 }: Call) =>
      endedAt >= since && answer !== undefined && (answer.meta.cache === "STALE" || earlyRefresh !== undefined)
    if (callers.some(behind)) continue
    const left = Math.max(startedAt, ...callers.map(({ endedAt }) => endedAt ?? Infinity))
    const allowed = slack + faultsWithin(history, left, endedAt, process)
    if (endedAt - left <= allowed || left === Infinity) continue
    yield {
      rule: "load-for-nobody",
      at: left,
      message: `process ${process} loaded ${load.key} for ${endedAt - left} ms more when its callers had left`
    }
  }
}

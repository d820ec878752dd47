/**
 * The judge of a history. Each allowance is a line of the specification, with its bound by options.
 */
import type { Call, Change, History } from "./History.ts"
import * as Story from "./Story.ts"

export interface Violation {
  readonly rule:
    | "other-key"
    | "voided-value"
    | "late-answer"
    | "late-wake"
    | "orphaned-lease"
    | "never-ends"
    | "two-leaders"
    | "past-its-window"
    | "no-reason-to-fail"
  readonly at: number
  readonly message: string
}

/** Milliseconds that scheduling may cost: the steps of the simulation, and pauses between checks. */
const slack = 60

/** Milliseconds after which a follower is awake, counted from the fill, without any fault. */
const wakeBound = 1_000

/** Milliseconds after which a lease without a load is given back, counted without faults. */
const orphanBound = 1_000

/** Milliseconds that a load may wait for its turn at the log of invalidations, if a process died while it wrote it. */
const logTurn = 1_500

export const judge = (story: Story.Story, history: History): ReadonlyArray<Violation> => [
  ...history.calls.flatMap((call) => [...answers(story, history, call)]),
  ...twoLeaders(story, history),
  ...history.orphans.flatMap(({ from, key, process, until }) => {
    const turn = story.settings.tags === "told" ? logTurn + 16 * Story.longestDelay(story) : 0
    // A request that a fault made late arrives a message after the fault.
    const allowed =
      orphanBound +
      turn +
      disagreement(story) +
      faultsWithin(history, from - Story.longestDelay(story) - slack, until, process)
    return until - from <= allowed
      ? []
      : [
          {
            rule: "orphaned-lease" as const,
            at: from,
            message: `process ${process} held the lease of ${key} for ${until - from} ms and did not work; ${allowed} ms are allowed`
          }
        ]
  }),
  ...(history.leftFlights === 0
    ? []
    : [{ rule: "never-ends" as const, at: Infinity, message: `${history.leftFlights} callers wait when all is over` }])
]

function* answers(story: Story.Story, history: History, call: Call): Generator<Violation> {
  const { settings } = story
  const process = `process ${call.process}`
  const asked = `${process} asked for ${call.key} at ${call.startedAt} ms`
  if (call.endedAt === undefined) {
    const gone = history.faults.some(({ process: of, until }) => of === call.process && until === Infinity)
    if (!gone && !ended(story, call))
      yield { rule: "never-ends", at: call.startedAt, message: `${asked} and has no answer` }
    return
  }
  // The caller waits for other processes, and then for a load of its own process.
  const longest = Math.max(
    0,
    ...history.loads
      .filter(({ key, process }) => key === call.key && process === call.process)
      .map(({ endedAt = 0, startedAt }) => endedAt - startedAt)
  )
  const bound =
    settings.waitMax +
    2 * longest +
    20 * Story.longestDelay(story) +
    (history.faults.length > 0 ? 4 * story.commandTimeout : 0) +
    4 * faultsWithin(history, call.startedAt, call.endedAt, undefined) +
    slack
  if (call.endedAt - call.startedAt > bound) {
    yield {
      rule: "late-answer",
      at: call.startedAt,
      message: `${asked} and was answered after ${call.endedAt - call.startedAt} ms; ${bound} ms are allowed`
    }
  }
  if (call.answer === undefined) {
    if (call.error !== undefined && !mayFail(story, history, call))
      yield { rule: "no-reason-to-fail", at: call.endedAt, message: `${asked} and failed: ${call.error}` }
    return
  }
  const { meta, value } = call.answer
  if (value.key !== call.key) {
    yield { rule: "other-key", at: call.endedAt, message: `${asked} and got the value of ${value.key}` }
    return
  }
  const voided = voidedBy(story, history, call)
  if (voided !== undefined) {
    yield {
      rule: "voided-value",
      at: call.endedAt,
      message: `${asked} and got version ${value.version} (${meta.cache}), although ${voided.by} for version ${voided.version} returned at ${voided.returnedAt} ms`
    }
  }
  const load = history.loads.find(({ id }) => id === value.load)
  const window = windowOf(story, meta.cache)
  const loadedAt =
    load?.endedAt ??
    history.changes.find(({ key, version }) => key === call.key && version === value.version)?.returnedAt
  if (window !== undefined && loadedAt !== undefined) {
    // A filled value is a few messages younger than its load, and an answer is one message older than its question.
    const allowed =
      window +
      16 * Story.longestDelay(story) +
      slack +
      disagreement(story) +
      faultsWithin(history, loadedAt, call.endedAt, undefined)
    if (call.startedAt - loadedAt > allowed) {
      yield {
        rule: "past-its-window",
        at: call.endedAt,
        message: `${asked} and got, as ${meta.cache}, a value of ${loadedAt} ms; ${allowed} ms are allowed`
      }
    }
  }
  if (meta.cache === "MISS-FOLLOWER-HIT" && load?.endedAt !== undefined && load.process !== call.process) {
    const from = Math.max(load.endedAt, call.startedAt)
    const allowed =
      wakeBound +
      12 * Story.longestDelay(story) +
      faultsWithin(history, from - story.commandTimeout, call.endedAt, undefined) +
      slack
    if (call.endedAt - from > allowed) {
      yield {
        rule: "late-wake",
        at: from,
        message: `${asked}, its value was loaded at ${load.endedAt} ms, and it woke ${call.endedAt - from} ms later; ${allowed} ms are allowed`
      }
    }
  }
}

/** Milliseconds by which the clocks that judge lifetimes and leases may disagree. */
const disagreement = ({ events, store }: Story.Story): number =>
  store === "client-clock" ? events.reduce((sum, event) => sum + (event.do === "step" ? Math.abs(event.by) : 0), 0) : 0

/** The longest life of a value that is answered in this way. */
const windowOf = ({ settings }: Story.Story, cache: string): number | undefined =>
  cache === "HIT"
    ? settings.cacheTtl
    : cache === "STALE"
      ? settings.cacheTtl + Math.max(settings.staleWhileRevalidate, settings.staleIfError)
      : undefined

/** A call may fail because its origin did, because its cache is closed, or because a fault kept the store from answering. */
const mayFail = (story: Story.Story, { faults, loads }: History, call: Call): boolean => {
  const { endedAt, error, key, process, startedAt } = call
  if (error === "CACHE_CLOSED") return ended(story, call)
  if (error === "ORIGIN_FAILED" || error === "LOAD_COOLING")
    return loads.some((load) => load.key === key && load.fails === true)
  // The question may have been asked for an earlier caller of the process.
  const asked = startedAt - 4 * Story.longestDelay(story) - slack - 2 * story.commandTimeout
  return faults.some(
    (fault) =>
      (fault.process === undefined || fault.process === process) && fault.from <= endedAt! && fault.until >= asked
  )
}

/** Two loads of a key under leases at once, without a fault and without anything that voids the first lease. */
function* twoLeaders(story: Story.Story, { calls, changes, faults, loads }: History): Generator<Violation> {
  // Clocks that disagree by more than a lease lasts protect nothing: an adapter states by how much they may.
  if (disagreement(story) >= story.settings.leaseTtl) return
  const told = new Map(
    calls.flatMap(({ answer }) => (answer === undefined ? [] : [[answer.value.load, answer] as const]))
  )
  const leased = loads.filter(({ id }) => {
    const { cache, uncached } = told.get(id)?.meta ?? {}
    return cache !== undefined && cache !== "MISS-FOLLOWER-FALLBACK" && uncached !== "bypassed"
  })
  for (const first of leased) {
    for (const second of leased) {
      const until = (first.endedAt ?? Infinity) - slack - disagreement(story)
      if (first === second || first.key !== second.key || second.startedAt < first.startedAt) continue
      if (second.startedAt >= until) continue
      const excused =
        // A delay of a message is as long as a fault.
        faults.some(
          (fault) =>
            fault.from <= second.startedAt &&
            fault.until >= first.startedAt - story.commandTimeout - 12 * Story.longestDelay(story)
        ) ||
        changes.some(({ key, startedAt }) => key === first.key && startedAt <= second.startedAt) ||
        calls.some(
          ({ key, kind, startedAt }) => kind === "refresh" && key === first.key && startedAt <= second.startedAt
        )
      if (excused) continue
      yield {
        rule: "two-leaders",
        at: second.startedAt,
        message: `process ${first.process} and process ${second.process} loaded ${first.key} under leases at once`
      }
    }
  }
}

const ended = (story: Story.Story, call: Call): boolean =>
  story.events.some((event) => (event.do === "kill" || event.do === "close") && event.process === call.process)

/**
 * The change that voids an answer. Allowed are:
 *
 * - the value of a write that was under way when the change began: nothing orders the two;
 * - the answer to a question that this process had asked before the change returned: callers share it, and the read of
 *   tags that follows it;
 * - the stale value beside a load of this process that began before another process's change, until this process knows of
 *   that: by the next renewal, or at the load's end where only that tells the tags. The load's own result is none for those
 *   who came later, unless a fault kept its end from being known;
 * - the result of a load without a lease that began a third of a lease before the call.
 */
const voidedBy = (story: Story.Story, history: History, call: Call): Change | undefined => {
  const { commandTimeout, settings } = story
  const delay = Story.longestDelay(story)
  const { load: id, version: found } = call.answer!.value
  const loads = history.loads.filter(({ key, process }) => key === call.key && process === call.process)
  return history.changes.find(({ by, key, process, returnedAt, startedAt, version }) => {
    if (key !== call.key || returnedAt === undefined || version <= found) return false
    const faults = faultsWithin(history, startedAt, call.startedAt, call.process)
    const asking = 4 * delay + slack + faults
    if (returnedAt + asking > call.startedAt || isConcurrentWrite(history, call, startedAt)) return false
    if (process === call.process) return true
    // After the fetcher the flight reads tags, and fills: some messages more.
    const underWay = loads.filter(
      (load) =>
        load.startedAt < returnedAt + asking &&
        (load.endedAt ?? Infinity) + 12 * delay + slack + faults > call.startedAt
    )
    if (call.answer!.meta.cache === "MISS-FOLLOWER-FALLBACK") {
      const began = underWay.find((load) => load.id === id)?.startedAt
      return began === undefined || call.startedAt - began > settings.leaseTtl / 3 + asking
    }
    if (underWay.length === 0) return true
    const { cache, uncached } = call.answer!.meta
    if (cache !== "STALE" && (uncached === undefined || uncached === "lost" || uncached === "invalidated")) return true
    if (by === "tag" && settings.tags === "told") return false
    const known = returnedAt + settings.leaseTtl / 3 + 8 * delay + slack + faults
    return call.startedAt > known + (history.faults.length > 0 ? commandTimeout : 0)
  })
}

/** True when the value was written by a call that had not returned at an instant. */
const isConcurrentWrite = ({ changes }: History, { answer, key }: Call, at: number): boolean => {
  const { load, version } = answer!.value
  const write = changes.find((change) => change.key === key && change.version === version)
  return load === 0 && write !== undefined && (write.returnedAt === undefined || write.returnedAt > at)
}

/** Milliseconds of faults within a span: those of one process and of the store, or those of all. */
const faultsWithin = ({ faults }: History, from: number, until: number, process: number | undefined): number =>
  faults
    .filter((fault) => process === undefined || fault.process === undefined || fault.process === process)
    .reduce((sum, fault) => sum + (fault.from <= until && fault.until >= from ? fault.until - fault.from : 0), 0)

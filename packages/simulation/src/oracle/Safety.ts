/**
 * Safety: one load at a time, and no value that is void, too old, or of another key.
 */
import type { Call, Change, History } from "../story/History.ts"
import * as Story from "../story/Story.ts"
import { arrivesTwice, asked, disagreement, faultsWithin, slack } from "./Allowances.ts"
import type { Violation } from "./Violation.ts"

/** S5. */
export function* otherKey(call: Call): Generator<Violation> {
  const { answer, endedAt, key } = call
  if (answer === undefined || answer.value.key === key) return
  yield { rule: "other-key", at: endedAt!, message: `${asked(call)} and got the value of ${answer.value.key}` }
}

/** S2. */
export function* voidedValue(story: Story.Story, history: History, call: Call): Generator<Violation> {
  if (call.answer === undefined) return
  const { meta, value } = call.answer
  const voided = voidedBy(story, history, call)
  if (voided === undefined) return
  yield {
    rule: "voided-value",
    at: call.endedAt!,
    message: `${asked(call)} and got version ${value.version} (${meta.cache}), although ${voided.by} for version ${voided.version} returned at ${voided.returnedAt} ms`
  }
}

/** S4. */
export function* pastItsWindow(story: Story.Story, history: History, call: Call): Generator<Violation> {
  if (call.answer === undefined) return
  const { meta, value } = call.answer
  const window = windowOf({ ...story.settings, ...call.options }, meta.cache)
  const loadedAt =
    history.loads.find(({ id }) => id === value.load)?.endedAt ??
    history.changes.find(({ key, version }) => key === call.key && version === value.version)?.returnedAt
  if (window === undefined || loadedAt === undefined) return
  // A filled value is a few messages younger than its load, and an answer is one message older than its request.
  const allowed =
    window +
    16 * Story.longestDelay(story) +
    slack +
    disagreement(story) +
    faultsWithin(history, loadedAt, call.endedAt!, undefined)
  if (call.startedAt - loadedAt <= allowed) return
  yield {
    rule: "past-its-window",
    at: call.endedAt!,
    message: `${asked(call)} and got, as ${meta.cache}, a value of ${loadedAt} ms; ${allowed} ms are allowed`
  }
}

/** The longest life of a value that is answered in this way. */
const windowOf = (settings: Story.CacheSettings, cache: string): number | undefined =>
  cache === "HIT"
    ? freshFor(settings)
    : cache === "STALE"
      ? freshFor(settings) + Math.max(settings.staleWhileRevalidate, settings.staleIfError)
      : undefined

/** A value that slides is fresh anew with each hit. */
const freshFor = ({ cacheTtl, maxAge = Infinity, sliding }: Story.CacheSettings): number =>
  sliding ? Math.max(cacheTtl, maxAge) : cacheTtl

/** S1: two loads of a key under leases at once, without a fault and without anything that voids the first lease. */
export function* twoLeaders(story: Story.Story, { calls, changes, faults, loads }: History): Generator<Violation> {
  // Leases protect nothing where clocks disagree by more than a lease lasts. An adapter states the allowed difference.
  if (disagreement(story) >= story.settings.leaseTtl) return
  // A lease that is as short as the way to its first renewal may be over before.
  if (story.settings.leaseTtl < 2 * Story.longestDelay(story)) return
  const told = new Map(
    calls.flatMap(({ answer }) => (answer === undefined ? [] : [[answer.value.load, answer] as const]))
  )
  const leased = loads.filter(({ id }) => {
    const { cache, uncached } = told.get(id)?.meta ?? {}
    return (
      cache !== undefined && cache !== "MISS-FOLLOWER-FALLBACK" && uncached !== "bypassed" && uncached !== "unavailable"
    )
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
        // The values of a batch have the tags of all its keys, where they are given.
        changes.some(
          ({ key, startedAt }) => (first.beside ?? [first.key]).includes(key) && startedAt <= second.startedAt
        ) ||
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

/**
 * The change that voids an answer. Some answers are allowed although a change came before them:
 *
 * - the value of a write that was under way when the change began: nothing orders the two;
 * - the answer to a request that this process had sent before the change returned: callers share it, and the read of
 *   tags that follows it;
 * - the stale value beside a load of this process that began before another process's change, until this process knows
 *   of that change: by the next renewal, or at the load's end where the tags are known only then. The load's own result
 *   is no answer for callers that came later, unless a fault kept its end from being known;
 * - the result of a load without a lease that began a third of a lease before the call;
 * - a near copy until the change arrives, two heartbeats at most, or for the tier's time to live;
 * - the result of a write whose request arrived a second time, after the change.
 */
const voidedBy = (story: Story.Story, history: History, call: Call): Change | undefined => {
  const { commandTimeout, settings } = story
  const delay = Story.longestDelay(story)
  const { load: id, version: found } = call.answer!.value
  const loads = history.loads.filter(({ key, process }) => key === call.key && process === call.process)
  return history.changes.find(({ by, key, process, returnedAt, startedAt, version }) => {
    if (key !== call.key || returnedAt === undefined || version <= found) return false
    // A lost push makes a follower wait, and no answer old.
    const faults = faultsWithin(history, startedAt, call.startedAt, call.process, ({ verb }) => verb !== "push")
    const copied = process === call.process ? 0 : nearFor(story)
    const asking = 4 * delay + slack + faults + copied
    if (returnedAt + asking > call.startedAt || isConcurrentWrite(history, call, startedAt)) return false
    if (arrivedAgain(story, history, call, startedAt)) return false
    if (process === call.process) return true
    // Before the fetcher and after it the flight reads tags and the log of invalidations, and then it fills: some messages
    // more.
    const underWay = loads.filter(
      (load) =>
        load.startedAt - 12 * delay < returnedAt + asking &&
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

/** The longest time for which a near copy may be behind the store. */
const nearFor = ({ tier }: Story.Story): number =>
  tier === undefined ? 0 : tier.heartbeat === undefined ? tier.ttl : 2 * tier.heartbeat

/** True when a write that set the value, or its tag's version, arrived once more after an instant: nothing orders plain writes. */
const arrivedAgain = (story: Story.Story, { changes }: History, call: Call, at: number): boolean => {
  const { version } = call.answer!.value
  return changes.some(({ by, key, process, returnedAt = Infinity, startedAt, version: written }) => {
    if (key !== call.key || by === "delete") return false
    if (by === "set" ? written !== version : written > version) return false
    return arrivesTwice(story, process, "put", { from: startedAt, until: returnedAt }, at)
  })
}

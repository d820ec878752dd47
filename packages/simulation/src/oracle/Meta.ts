/**
 * T1 and T4: what `meta` tells of an answer is what happened.
 */
import type { Call, History, Kept, Load } from "../story/History.ts"
import * as Story from "../story/Story.ts"
import { asked, disagreement, faultsWithin, slack } from "./Allowances.ts"
import type { Violation } from "./Violation.ts"

/** A call with all that the record has of its answer. */
interface Told {
  readonly story: Story.Story
  readonly history: History
  readonly call: Call
  readonly meta: NonNullable<Call["answer"]>["meta"]
  /** The load of its value; absent for one that was set. */
  readonly load: Load | undefined
  /** When the store began to keep the value. */
  readonly kept: ReadonlyArray<Kept>
}

export function* falseMeta(story: Story.Story, history: History, call: Call): Generator<Violation> {
  const { answer, kind } = call
  // Of a value that was only read nothing is told.
  if (answer === undefined || kind === "get") return
  const { meta, value } = answer
  const load = history.loads.find(({ id }) => id === value.load)
  const kept = history.kept.filter(
    (each) => each.key === value.key && each.version === value.version && each.load === value.load
  )
  const told: Told = { story, history, call, meta, load, kept }
  for (const lie of [roleOf(told), cachingOf(told), timesOf(told)]) {
    if (lie === undefined) continue
    const as = [meta.cache, meta.uncached].filter(Boolean).join(", ")
    yield { rule: "false-meta", at: call.startedAt, message: `${asked(call)} and was told ${as}, although ${lie}` }
  }
}

/** Who loaded the value. */
const roleOf = ({ call, history, load, meta, story: { settings } }: Told): string | undefined => {
  const isOwn = load?.call === call.id
  switch (meta.cache) {
    case "MISS-LEADER":
    case "MISS-LEADER-NOCACHE":
    case "MISS-UNAVAILABLE":
      return isOwn ? undefined : "its own fetcher did not load the value"
    case "MISS-FOLLOWER-HIT":
      return isOwn ? "its own fetcher loaded the value" : undefined
    case "MISS-FOLLOWER-FALLBACK":
      return load?.process === call.process ? undefined : "its process did not load the value"
    case "HIT":
      // An early refresh begins after a hit, and a load that is interrupted may find what another one filled.
      if (settings.earlyRefresh !== undefined || settings.onLeaseLost === "interrupt") return undefined
      return history.loads.some(({ call: by }) => by === call.id) ? "its fetcher was called" : undefined
    case "STALE":
      return undefined
  }
}

const isFromStore = ({ meta: { age, cache } }: Told): boolean =>
  cache === "HIT" || cache === "STALE" || (cache === "MISS-FOLLOWER-HIT" && age !== undefined)

/** What became of the value. */
const cachingOf = (told: Told): string | undefined => {
  const { call, kept, load, meta, story } = told
  const { cache, uncached } = meta
  const isKept = kept.some(({ at }) => at <= (call.toldAt ?? call.endedAt!))
  if (isFromStore(told)) return isKept ? undefined : "the store never had the value"
  if ((cache === "MISS-LEADER") !== (uncached === undefined) && cache !== "MISS-FOLLOWER-HIT")
    return "both exclude each other"
  if (cache === "MISS-FOLLOWER-FALLBACK" && uncached !== "bypassed") return "it was loaded without a lease"
  if (uncached === undefined) return isKept ? undefined : "the store did not confirm that it has the value"
  if (uncached === "declined" && !call.answer!.value.uncacheable) return "the value may be cached"
  if ((cache === "MISS-UNAVAILABLE") !== (uncached === "unavailable") && cache !== "MISS-FOLLOWER-HIT")
    return "both belong together"
  if (uncached === "unavailable" && story.settings.onAdapterError !== "fetch") return "no option allows it"
  if (uncached !== "declined" && uncached !== "bypassed" && uncached !== "unavailable" && isDeclined(told))
    return "the value is not to be cached"
  if (uncached === "bypassed" && cache !== "MISS-FOLLOWER-FALLBACK" && !mayBypass(told))
    return "no option allows a load without a lease"
  // A store of values has it before the lease's store says that it counts.
  const isLoose = story.store === "values" || isDoubled(story, load)
  const isNowhere =
    uncached === "declined" || uncached === "bypassed" || uncached === "unavailable" || uncached === "lost"
  return isNowhere && kept.length > 0 && !isLoose ? "the store has the value" : undefined
}

/** True when the options of its load decline the value. */
const isDeclined = ({ call, history, load, story }: Told): boolean => {
  if (!call.answer!.value.uncacheable) return false
  const options = history.calls.find(({ id }) => id === load?.call)?.options
  const { declines, staleIfError, staleWhileRevalidate } = { ...story.settings, ...options }
  return declines === "shouldCache" || (declines === "cacheTtl" && staleIfError + staleWhileRevalidate === 0)
}

/** True when a load may be without a lease although its caller did not wait too long. */
const mayBypass = ({ call, history, story: { settings } }: Told): boolean =>
  settings.onCooling === "fetch" ||
  ((settings.bypassFor ?? 1) > 0 &&
    history.loads.some(
      ({ end, key, startedAt }) =>
        key === call.key &&
        (end === "nothing" || settings.declines !== undefined) &&
        startedAt < (call.toldAt ?? call.endedAt!)
    ))

/** True when a fill may have arrived twice: the answer to the second one says that the lease is gone. */
const isDoubled = ({ events }: Story.Story, load: Load | undefined): boolean =>
  events.some(
    (event) =>
      event.do === "double" && event.process === load?.process && (event.verb === "fill" || event.verb === "any")
  )

/** When the question behind an answer was asked at the earliest: for a caller of the process who still waited. */
const askedAtTheEarliest = ({ call: { key, process, startedAt }, history }: Told): number =>
  history.calls.reduce(
    (earliest, other) =>
      other.process === process &&
      (other.batch ?? [other.key]).includes(key) &&
      (other.endedAt ?? Infinity) >= startedAt
        ? Math.min(earliest, other.startedAt)
        : earliest,
    startedAt
  )

/** The times that are told. */
const timesOf = (told: Told): string | undefined => {
  const { call, history, kept, meta, story } = told
  const { age, cache, error, freshFor = 0, staleFor = 0, waited } = meta
  const ended = call.toldAt ?? call.endedAt!
  const took = ended - call.startedAt
  const since = askedAtTheEarliest(told) - 2 * story.commandTimeout
  const late = 8 * Story.longestDelay(story) + slack + faultsWithin(history, since, ended, call.process)
  const hasWaited = cache === "MISS-FOLLOWER-HIT" || cache === "MISS-FOLLOWER-FALLBACK"
  if (hasWaited !== (waited !== undefined)) return hasWaited ? "it does not say how long it waited" : "it did not wait"
  if (waited !== undefined && (waited > took + 1 || waited < took - late))
    return `it waited for ${took} ms, and not for ${waited}`
  const { cacheTtl, onWaitTimeout, staleWhileRevalidate, waitMax } = { ...story.settings, ...call.options }
  if (cache === "MISS-FOLLOWER-FALLBACK" && waited! < waitMax) return `it waited for ${waited} ms only`
  if (!isFromStore(told)) return undefined
  const clocks = disagreement(story)
  // Where clients judge time, an age begins when the write is sent.
  const onTheWay = (at: number): number =>
    story.store === "client-clock" ? faultsWithin(history, at - story.commandTimeout, at, undefined) : 0
  // A store of values has a value before the fill by which it counts, and its age begins with that.
  const isOld = ({ at }: Kept): boolean =>
    (age! >= call.startedAt - at - late - clocks || story.store === "values") &&
    age! <= ended - at + late + clocks + onTheWay(at)
  if (!kept.some(isOld)) return `the value is not ${age} ms old`
  if (freshFor > cacheTtl + clocks || staleFor > age! + clocks) return "no value lives for so long"
  const { soft = Infinity } = story.settings.fetchTimeout ?? {}
  const isExcused =
    error !== undefined || took >= soft - 1 || (onWaitTimeout === "stale" && took >= waitMax - 1) || clocks > 0
  if (cache === "STALE" && staleFor > staleWhileRevalidate + slack && !isExcused) return "no load had failed"
  return undefined
}

/**
 * T5: `stats()` counts what happened in its process.
 */
import type { Call, Counts, History } from "../story/History.ts"
import type { Violation } from "./Violation.ts"

/** The least and the most that a count may be. */
type Range = readonly [least: number, most: number]

export function* miscounted(history: History): Generator<Violation> {
  for (const counts of history.counts) {
    for (const [name, [least, most]] of Object.entries(rangesOf(history, counts.process))) {
      const count = counts[name as keyof Counts]
      if (count >= least && count <= most) continue
      yield {
        rule: "miscounted",
        at: Infinity,
        message: `process ${counts.process} counted ${count} ${name}; ${least === most ? least : `${least} to ${most}`} happened`
      }
    }
  }
}

/** What happened in a process. A caller that left or failed may have been answered, and so counted, in the same instant. */
const rangesOf = (history: History, process: number): { readonly [N in keyof Counts]?: Range } => {
  const here = <A extends { readonly process: number }>(all: ReadonlyArray<A>) =>
    all.filter((each) => each.process === process)
  const [calls, loads, changes] = [here(history.calls), here(history.loads), here(history.changes)]
  const unsure = calls.filter(
    ({ answer, endedAt, error }) => answer === undefined && (error !== undefined || endedAt === undefined)
  ).length
  const answered = (isSo: (call: Call) => boolean): Range => {
    const least = calls.filter(isSo).length
    return [least, least + unsure]
  }
  const outcome = (...names: ReadonlyArray<string>) =>
    answered(({ answer }) => names.includes(answer?.meta.cache ?? ""))
  const isUnread = ({ answer, endedAt, error, kind }: Call): boolean =>
    kind === "get" && answer === undefined && error === undefined && endedAt !== undefined
  const failed = loads.filter(({ end }) => end === "failed")
  // The fetch of a batch goes on for other keys when the callers of one have left.
  const alone = failed.filter(({ beside }) => beside === undefined)
  const cut = loads.filter(({ end }) => end === "cut" || end === undefined).length
  const lost = new Set(calls.flatMap(({ answer }) => (answer?.meta.uncached === "lost" ? [answer.value.load] : [])))
  const asking = calls.filter(({ kind }) => kind !== "get").length
  const batches = calls.filter(({ batch, kind }) => batch !== undefined && kind !== "get").length
  const writes = (by: string): Range => {
    const all = changes.filter((change) => change.by === by)
    return [all.filter(({ returnedAt }) => returnedAt !== undefined).length, all.length]
  }
  return {
    hits: outcome("HIT"),
    misses: answered((call) => call.answer?.meta.cache.startsWith("MISS") || isUnread(call)),
    staleServed: outcome("STALE"),
    fallbacks: outcome("MISS-FOLLOWER-FALLBACK"),
    unavailable: outcome("MISS-UNAVAILABLE"),
    stampedePrevented: outcome("MISS-FOLLOWER-HIT"),
    // A key of a batch counts when it is known to be loaded, before the fetch begins.
    loads: [loads.length, loads.length + batches],
    loadFailures: [alone.length, failed.length + cut + batches],
    // A lease may be lost before its fetcher begins, and a load that is interrupted for it is followed by another.
    leaseLost: [lost.size, asking + cut],
    sets: writes("set"),
    deletes: writes("delete")
  }
}

import { answered } from "../recording/Recording.ts"
import { count, counted, setting } from "../recording/Words.ts"
import { everyoneAnswered, type Scenario } from "./Scenario.ts"

/** A hot value has just expired, and may be served stale while one flight loads anew. */
export const Expiry: Scenario = {
  name: "expiry",
  summary: "a hot value has just expired, and may be served stale for a while (--swr)",
  story: ({ keys, swr }) =>
    keys.length === 1
      ? `A hot value has just expired; for ${setting(swr)} it may be served stale while one flight loads anew.`
      : `Hot values have just expired; for ${setting(swr)} they may be served stale while one flight each loads anew.`,
  options: ["spread", "swr"],
  after: (caller, { callers, spread }) => (spread * caller) / Math.max(1, callers - 1),
  primed: ({ swr }) => ({ fresh: 1, stale: Math.max(1, swr), took: 0 }),
  policy: ({ swr }) => ({ staleWhileRevalidate: swr }),
  measure: "waited",
  lasts: ({ load, spread }) => spread + load,
  findings: (recording, figures, { keys }) => {
    const waited = answered(recording).filter(({ how }) => how !== "stale" && how !== "hit").length
    return [
      {
        ok: figures.originCalls === keys.length,
        text: `${counted(figures.originCalls, "origin call")} for ${counted(recording.expected, "caller")}`
      },
      {
        ok: waited === 0,
        text: waited === 0 ? "nobody waited for a load" : `${counted(waited, "caller")} waited for a load`
      },
      {
        ok: figures.outdatedKeys === 0,
        text:
          figures.outdatedKeys === 0
            ? "the new value is in the cache"
            : `${count(figures.outdatedKeys)} keys are out of date`
      },
      everyoneAnswered(figures, "a value")
    ]
  }
}

import { counted, setting } from "../recording/Format.ts"
import { answered } from "../recording/Recording.ts"
import { evenly, everyoneAnswered, newValueCached, type Scenario } from "./Scenario.ts"

/** A hot value has just expired, and may be served stale while one flight refreshes it. */
export const Expiry: Scenario = {
  name: "expiry",
  summary: "a hot value has just expired and may be served stale for a while (--swr)",
  description: ({ keys, swr }) =>
    keys.length === 1
      ? `A hot value has just expired; for ${setting(swr)} it may be served stale while one flight refreshes it.`
      : `Hot values have just expired; for ${setting(swr)} they may be served stale while one flight each refreshes them.`,
  options: ["spread", "swr"],
  after: (caller, settings) => evenly(settings.spread, caller, settings),
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
      newValueCached(figures),
      everyoneAnswered(figures, "a value")
    ]
  }
}

import { counted, setting } from "../recording/Format.ts"
import { answered } from "../recording/Recording.ts"
import { evenly, everyoneAnswered, newValueCached, type Scenario } from "./Scenario.ts"
import type { Settings } from "./Settings.ts"

/** Milliseconds for which the cached value is fresh. */
const fresh = ({ load }: Settings): number => 10 * load + 500

/** Callers keep arriving until the other contenders have loaded again, too. */
const until = (settings: Settings): number => fresh(settings) + 2 * settings.load

/** Fewer callers and shorter loads need a larger beta, so that one of them refreshes well before the expiry. */
const beta = ({ callers, keys, load, processes }: Settings): number =>
  Math.max(1, (1000 * keys.length) / (processes * callers)) * Math.max(1, 200 / load)

/** A hot value nears its expiry under steady callers, and one flight refreshes it before. */
export const Early: Scenario = {
  name: "early",
  summary: "a hot value nears its expiry under steady callers, and is refreshed before",
  description: (settings) =>
    `${settings.keys.length === 1 ? "A hot value expires" : "Hot values expire"} in ${setting(fresh(settings))}, while callers keep coming. The closer the expiry, the more likely it is that a caller starts a refresh while the value is still fresh.`,
  options: [],
  after: (caller, settings) => evenly(until(settings), caller, settings),
  primed: (settings) => ({ fresh: fresh(settings), stale: 0, took: settings.load }),
  // The refreshed value stays fresh for so long that it is not refreshed early itself.
  policy: (settings) => ({
    beta: beta(settings),
    cacheTtl: Math.max(60_000, 60 * beta(settings) * settings.load)
  }),
  measure: "waited",
  lasts: (settings) => until(settings) + settings.load,
  findings: (recording, figures, { keys }) => {
    const waited = answered(recording).filter(({ how }) => how !== "hit").length
    return [
      {
        ok:
          figures.originCalls === keys.length && keys.every((key) => recording.loads.some((load) => load.key === key)),
        text: `${counted(figures.originCalls, "origin call")} for ${counted(keys.length, "expiry", "expiries")}`
      },
      {
        ok: waited === 0,
        text:
          waited === 0
            ? "nobody waited at the expiry: everyone had a fresh value at once"
            : `${counted(waited, "caller")} had no fresh value at once`
      },
      newValueCached(figures),
      everyoneAnswered(figures, "a value")
    ]
  }
}

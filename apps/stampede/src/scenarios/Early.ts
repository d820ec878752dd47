import { answered } from "../recording/Recording.ts"
import { count, counted, setting } from "../recording/Words.ts"
import { everyoneAnswered, type Scenario } from "./Scenario.ts"
import type { Settings } from "./Settings.ts"

/** How long the value that is there is fresh. */
const fresh = ({ load }: Settings): number => 10 * load + 500

/** Callers come until others have loaded anew, too. */
const until = (settings: Settings): number => fresh(settings) + 2 * settings.load

/** The fewer ask, and the shorter the load, the earlier each has to think of it: someone is to, well before expiry. */
const beta = ({ callers, keys, load, processes }: Settings): number =>
  Math.max(1, (1000 * keys.length) / (processes * callers)) * Math.max(1, 200 / load)

/** A hot value nears its expiry under steady callers, and one flight loads anew before it. */
export const Early: Scenario = {
  name: "early",
  summary: "a hot value nears its expiry under steady callers, and is refreshed before",
  story: (settings) =>
    `${settings.keys.length === 1 ? "A hot value expires" : "Hot values expire"} in ${setting(fresh(settings))}, while callers keep coming. The nearer the expiry, the likelier it is that one who asks has it loaded anew behind the fresh value.`,
  options: [],
  after: (caller, settings) => (until(settings) * caller) / Math.max(1, settings.callers - 1),
  primed: (settings) => ({ fresh: fresh(settings), stale: 0, took: settings.load }),
  // What is loaded anew lives so long that its own early refresh is out of the question.
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

import { count, counted, list, millis, setting } from "../recording/Format.ts"
import { leases } from "../recording/Recording.ts"
import { evenly, everyoneAnswered, type Finding, type Scenario } from "./Scenario.ts"

/** Nothing is cached, and all callers ask at once. */
export const Cold: Scenario = {
  name: "cold",
  summary: "nothing is cached, and everyone asks at once",
  description: ({ keys, kill, lease, load }) =>
    `Nothing is cached, and all callers want ${keys.length === 1 ? list(keys) : "a few hot keys"} at once.${
      kill
        ? ` The process that leads is killed ${setting(load / 2)} into its load; its lease lasts ${setting(lease)}.`
        : ""
    }`,
  options: ["kill", "spread"],
  after: (caller, settings) => evenly(settings.spread, caller, settings),
  measure: "beyondLoad",
  lasts: ({ kill, lease, load, spread }) => spread + (kill ? 2 * load + lease : load),
  findings: (recording, figures, { keys, kill }) => {
    const lost = recording.loads.filter(({ outcome }) => outcome === "lost").length
    const expected = keys.length + lost
    const takeovers = leases(recording).flatMap(({ from, takesOver }) =>
      takesOver === undefined ? [] : [{ from, after: from - takesOver.end, freed: takesOver.freed }]
    )
    const times = list(takeovers.map(({ after }) => millis(Math.max(0, after))))
    const takeover: Finding = {
      ok: takeovers.length === lost && lost > 0,
      text:
        takeovers.length === 0
          ? "no process took over the lost load"
          : takeovers.every(({ freed }) => freed)
            ? `${counted(takeovers.length, "takeover")}: the store freed the lease before its end`
            : `${counted(takeovers.length, "takeover")}, at most ${times} after the lease ended`
    }
    return [
      {
        ok: figures.originCalls === expected,
        text: `${counted(figures.originCalls, "origin call")} for ${counted(recording.expected, "caller")}${
          figures.originCalls === expected
            ? lost > 0
              ? `: ${count(keys.length)}, and ${count(lost)} lost by the kill`
              : ""
            : `, where ${count(expected)} are enough`
        }`
      },
      ...(kill ? [takeover] : []),
      everyoneAnswered(figures, "a value")
    ]
  }
}

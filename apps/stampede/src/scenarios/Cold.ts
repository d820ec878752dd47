import { leases } from "../recording/Recording.ts"
import { count, counted, list, millis, setting } from "../recording/Words.ts"
import { everyoneAnswered, type Finding, type Scenario } from "./Scenario.ts"

/** Nothing is cached, and everyone wants it at once. */
export const Cold: Scenario = {
  name: "cold",
  summary: "nothing is cached, and everyone asks at once",
  story: ({ keys, kill, lease, load }) =>
    `Nothing is cached, and all callers want ${keys.length === 1 ? list(keys) : "a few hot keys"} at once.${
      kill
        ? ` The process that leads is killed ${setting(load / 2)} into its load; its lease lasts ${setting(lease)}.`
        : ""
    }`,
  options: ["kill", "spread"],
  after: (caller, { callers, spread }) => (spread * caller) / Math.max(1, callers - 1),
  measure: "beyondLoad",
  lasts: ({ kill, lease, load, spread }) => spread + (kill ? 2 * load + lease : load),
  findings: (recording, figures, { keys, kill }) => {
    const lost = recording.loads.filter(({ outcome }) => outcome === "lost").length
    const expected = keys.length + lost
    const turns = leases(recording).flatMap(({ from, takesOver }) =>
      takesOver === undefined ? [] : [{ from, after: from - takesOver.end, freed: takesOver.freed }]
    )
    const times = list(turns.map(({ after }) => millis(Math.max(0, after))))
    const takeover: Finding = {
      ok: turns.length === lost && lost > 0,
      text:
        turns.length === 0
          ? "nobody took over the load that was lost"
          : turns.every(({ freed }) => freed)
            ? `${counted(turns.length, "takeover")}: the store freed the lease before its time`
            : `${counted(turns.length, "takeover")}, at most ${times} after the lease ended`
    }
    return [
      {
        ok: figures.originCalls === expected,
        text: `${counted(figures.originCalls, "origin call")} for ${counted(recording.expected, "caller")}${
          figures.originCalls === expected
            ? lost > 0
              ? `: ${count(keys.length)}, and ${count(lost)} that the kill cost`
              : ""
            : `, and ${count(expected)} would have been enough`
        }`
      },
      ...(kill ? [takeover] : []),
      everyoneAnswered(figures, "a value")
    ]
  }
}

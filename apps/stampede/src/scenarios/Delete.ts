import { count, counted, setting } from "../recording/Words.ts"
import { everyoneAnswered, type Scenario } from "./Scenario.ts"

/** The origin's row changes, and its key is deleted, while an old row is being loaded. */
export const Delete: Scenario = {
  name: "delete",
  summary: "the key is deleted half-way through its load: the late fill must not bring it back",
  story: ({ load }) =>
    `Nothing is cached. ${setting(load / 2)} into the load the origin's row changes and the key is deleted: what is being loaded is out of date already.`,
  options: ["spread"],
  after: (caller, { callers, spread }) => (spread * caller) / Math.max(1, callers - 1),
  deletes: true,
  measure: "beyondLoad",
  lasts: ({ load, spread }) => spread + 2 * load,
  findings: (recording, figures, { keys }) => {
    const expected = 2 * keys.length
    return [
      {
        ok: figures.refusedFills === keys.length,
        text: `${counted(figures.refusedFills, "late fill")} refused${
          figures.refusedFills === keys.length ? "" : `, and ${count(keys.length)} should have been`
        }`
      },
      {
        ok: figures.outdatedKeys === 0,
        text:
          figures.outdatedKeys === 0
            ? "the deleted value did not come back"
            : `${counted(figures.outdatedKeys, "deleted value")} came back`
      },
      {
        ok: figures.originCalls <= expected,
        text: `${counted(figures.originCalls, "origin call")} for ${counted(recording.expected, "caller")}: one before the delete, one after`
      },
      everyoneAnswered(figures, "a value")
    ]
  }
}

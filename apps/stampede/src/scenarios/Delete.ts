import { count, counted, setting } from "../recording/Format.ts"
import { evenly, everyoneAnswered, type Scenario } from "./Scenario.ts"

/** The origin's row changes and its key is deleted while the old row is being loaded. */
export const Delete: Scenario = {
  name: "delete",
  summary: "the key is deleted half-way through its load; the late fill must not bring it back",
  description: ({ load }) =>
    `Nothing is cached. ${setting(load / 2)} into the load the origin's row changes and the key is deleted: the value being loaded is already out of date.`,
  options: ["spread"],
  after: (caller, settings) => evenly(settings.spread, caller, settings),
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

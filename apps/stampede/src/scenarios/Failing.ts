import { count, counted, setting } from "../recording/Format.ts"
import type { Recording } from "../recording/Recording.ts"
import { answered } from "../recording/Recording.ts"
import { everyoneAnswered, type Scenario } from "./Scenario.ts"
import type { Settings } from "./Settings.ts"

/** The store's clock and ours do not tick together. */
const tick = 2

/** The number of loads that began while their key was to cool down. */
const tooSoon = ({ keys, loads }: Recording, { cooldown }: Settings): number =>
  keys.reduce((sum, key) => {
    const own = loads.filter((load) => load.key === key)
    return (
      sum +
      own.filter(({ begin }, i) => i > 0 && begin < (own[i - 1]?.end ?? Number.POSITIVE_INFINITY) + cooldown - tick)
        .length
    )
  }, 0)

/** The origin fails, and callers come in three waves: at once, while the key cools down, and after the cooldown. */
export const Failing: Scenario = {
  name: "failing",
  summary: "the origin fails every call; a failed key cools down for a while (--cooldown)",
  description: ({ cooldown }) =>
    `The origin fails every call, and after each failure nobody may try again for ${setting(cooldown)}. A third of the callers come at once, a third during the cooldown, a third after it.`,
  options: ["cooldown"],
  failing: true,
  after: (caller, { callers, cooldown, load }) => {
    const wave = Math.floor((caller * 3) / callers)
    return wave === 0 ? 0 : wave === 1 ? load + cooldown / 2 : load + 2 * cooldown + 50
  },
  policy: ({ cooldown }) => ({ cooldown, onCooling: "fail" }),
  measure: "waited",
  lasts: ({ cooldown, load }) => 2 * load + 2 * cooldown + 50,
  findings: (recording, figures, settings) => {
    const early = tooSoon(recording, settings)
    const others = answered(recording).filter(({ error }) => error !== "OriginDown").length
    return [
      {
        ok: early === 0,
        text:
          early === 0
            ? `${counted(figures.originCalls, "origin call")} for ${counted(recording.expected, "caller")}: one per cooldown`
            : `${count(early)} of ${counted(figures.originCalls, "origin call")} came before the cooldown had ended`
      },
      {
        ok: others === 0,
        text:
          others === 0 ? "every caller got the fetcher's own typed error" : `${count(others)} callers got another error`
      },
      everyoneAnswered(figures, "the error")
    ]
  }
}

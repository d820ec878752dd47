/**
 * A scenario of a stampede: the cached values before it, the beginnings of the callers, the faults meanwhile, and the
 * promises of leases, which are checked at the end.
 */

import type { Policy, Priming } from "../ipc/Messages.ts"
import type { Figures } from "../recording/Figures.ts"
import { counted } from "../recording/Format.ts"
import type { Recording } from "../recording/Recording.ts"
import type { Settings } from "./Settings.ts"

/** One promise: kept or broken. */
export interface Finding {
  readonly ok: boolean
  readonly text: string
}

export interface Scenario {
  readonly name: string
  /** A few words for `--help`. */
  readonly summary: string
  /** Describes the scenario in a sentence or two. */
  readonly description: (settings: Settings) => string
  /** Options that only some scenarios have. */
  readonly options: ReadonlyArray<"kill" | "spread" | "swr" | "cooldown">
  /** Milliseconds after the start at which this caller of a process begins. */
  readonly after: (caller: number, settings: Settings) => number
  /** A value is cached before the start. Unless the scenario `sets` another later, the origin's row has changed since. */
  readonly primed?: (settings: Settings) => Priming
  /** Milliseconds after the start at which the origin's rows change and one process sets the new values. */
  readonly sets?: (settings: Settings) => number
  /** With leases, each process has a warm near tier. */
  readonly near?: boolean
  /** The origin fails every call. */
  readonly failing?: boolean
  /** Half-way through the first load the origin's rows change, and the keys are deleted. */
  readonly deletes?: boolean
  /** The caches' options that differ from the defaults. */
  readonly policy?: (settings: Settings) => Partial<Policy>
  /** The wait that the table shows: all of it, or what exceeds one load. */
  readonly measure: "waited" | "beyondLoad"
  /** Milliseconds within which a run without problems ends. */
  readonly lasts: (settings: Settings) => number
  /** The promises of the run with leases. */
  readonly findings: (recording: Recording, figures: Figures, settings: Settings) => ReadonlyArray<Finding>
}

/** Milliseconds after the start at which a caller begins, where all begin evenly within a time. */
export const evenly = (within: number, caller: number, { callers }: Settings): number =>
  (within * caller) / Math.max(1, callers - 1)

/** The promise that the cache has the current value afterwards. */
export const newValueCached = ({ outdatedKeys }: Figures): Finding => ({
  ok: outdatedKeys === 0,
  text:
    outdatedKeys === 0 ? "the new value is in the cache" : `${counted(outdatedKeys, "key")} out of date in the cache`
})

/** The promise that every caller of a living process was answered. */
export const everyoneAnswered = (
  { answered, died, failed, unanswered }: Figures,
  answer: "a value" | "the error"
): Finding => {
  const wrong = unanswered + (answer === "a value" ? failed : answered)
  const lived = died > 0 ? " whose process lived" : ""
  return wrong === 0
    ? { ok: true, text: `every caller${lived} was given ${answer}` }
    : { ok: false, text: `${wrong} callers were not given ${answer}` }
}

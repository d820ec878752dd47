/**
 * A story that a stampede can tell: what is there before, when callers come, what goes
 * wrong meanwhile, and what must be true in the end if leases do what they promise.
 */

import type { Policy, Priming } from "../ipc/Wire.ts"
import type { Figures } from "../recording/Figures.ts"
import type { Recording } from "../recording/Recording.ts"
import type { Settings } from "./Settings.ts"

/** One promise, and whether it was kept. */
export interface Finding {
  readonly ok: boolean
  readonly text: string
}

export interface Scenario {
  readonly name: string
  /** For `--help`, a few words. */
  readonly summary: string
  /** What is about to happen, one sentence. */
  readonly story: (settings: Settings) => string
  /** Options that mean something in this scenario only. */
  readonly options: ReadonlyArray<"kill" | "spread" | "swr" | "cooldown">
  /** How many milliseconds after the start this caller of a process sets out. */
  readonly after: (caller: number, settings: Settings) => number
  /** A value is there before, and unless somebody sets another later, the origin's row has changed since. */
  readonly primed?: (settings: Settings) => Priming
  /** So long after the start the origin's rows change, and one process sets the new values. */
  readonly sets?: (settings: Settings) => number
  /** With leases there is a near tier in each process, and it is warm. */
  readonly near?: boolean
  /** The origin fails every call. */
  readonly failing?: boolean
  /** Half-way through the first load the origin's rows change, and the keys are deleted. */
  readonly deletes?: boolean
  /** How the caches behave, where it differs from the defaults. */
  readonly policy?: (settings: Settings) => Partial<Policy>
  /** Which waiting is worth a row in the table: all of it, or what exceeds one load. */
  readonly measure: "waited" | "beyondLoad"
  /** After how long a run without trouble has certainly ended. */
  readonly lasts: (settings: Settings) => number
  /** What the run with leases kept of what it promises. */
  readonly findings: (recording: Recording, figures: Figures, settings: Settings) => ReadonlyArray<Finding>
}

/** Everyone whose process lived was answered. */
export const everyoneAnswered = (
  { answered, died, failed, unanswered }: Figures,
  with_: "a value" | "the error"
): Finding => {
  const wrong = unanswered + (with_ === "a value" ? failed : answered)
  const lived = died > 0 ? " whose process lived" : ""
  return wrong === 0
    ? { ok: true, text: `every caller${lived} was given ${with_}` }
    : { ok: false, text: `${wrong} callers were not given ${with_}` }
}

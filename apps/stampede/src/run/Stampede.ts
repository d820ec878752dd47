/**
 * The whole job: a store, the same scenario for every contender, and what came of it.
 */
import { randomBytes } from "node:crypto"
import { type Figures, figures } from "../recording/Figures.ts"
import type { Recording } from "../recording/Recording.ts"
import type { Finding } from "../scenarios/Scenario.ts"
import { scenario } from "../scenarios/Scenarios.ts"
import type { Settings } from "../scenarios/Settings.ts"
import { store } from "../stores/Stores.ts"
import { type Contender, contenders, withLeases } from "../workers/Contender.ts"
import { Race } from "./Race.ts"

/** What came of it. */
export interface Outcome {
  readonly settings: Settings
  /** What the store is and where. */
  readonly store: string
  /** The commands were counted on their way, or else at the adapter. */
  readonly recordings: ReadonlyArray<Recording>
  readonly figures: ReadonlyArray<Figures>
  /** What the run with leases kept of what it promises. */
  readonly findings: ReadonlyArray<Finding>
  readonly kept: boolean
}

/** Who wants to see it happen. */
export interface Audience {
  readonly opened: (store: string) => void
  readonly started: (contender: Contender, recording: Recording) => void
  readonly finished: (contender: Contender, recording: Recording) => void
}

/** Runs it. Whatever it started is gone when it settles, however it does. */
export const run = async (settings: Settings, audience: Audience, signal: AbortSignal): Promise<Outcome> => {
  const story = scenario(settings.scenario)
  await using opened = await store(settings.store).open(settings.url)
  signal.throwIfAborted()
  audience.opened(opened.title)
  const runId = randomBytes(6).toString("hex")
  const recordings: Array<Recording> = []
  for (const contender of settings.check ? [withLeases] : contenders) {
    const race = new Race({
      settings,
      scenario: story,
      contender,
      store: opened,
      prefix: `stampede:${runId}:${contender.name}:`,
      signal
    })
    audience.started(contender, race.recording)
    recordings.push(await race.run())
    audience.finished(contender, race.recording)
  }
  const all = recordings.map((recording) => figures(recording, settings.load))
  const last = recordings.at(-1)!
  const trouble: ReadonlyArray<Finding> = last.trouble === undefined ? [] : [{ ok: false, text: last.trouble }]
  const findings = [...trouble, ...story.findings(last, all.at(-1)!, settings)]
  return {
    settings,
    store: opened.title,
    recordings,
    figures: all,
    findings,
    kept: findings.every(({ ok }) => ok)
  }
}

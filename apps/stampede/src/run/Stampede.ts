/**
 * The whole job: one store, the same scenario for every contender, and the outcome.
 */
import { randomBytes } from "node:crypto"
import { type Figures, figures } from "../recording/Figures.ts"
import type { Recording } from "../recording/Recording.ts"
import type { Finding } from "../scenarios/Scenario.ts"
import { scenario as scenarioNamed } from "../scenarios/Scenarios.ts"
import type { Settings } from "../scenarios/Settings.ts"
import { store as storeNamed } from "../stores/Stores.ts"
import { type Contender, contenders, withLeases } from "../workers/Contender.ts"
import { Run } from "./Run.ts"

export interface Outcome {
  readonly settings: Settings
  /** Names the store and its address. */
  readonly store: string
  readonly recordings: ReadonlyArray<Recording>
  readonly figures: ReadonlyArray<Figures>
  /** The promises of the run with leases, and whether each was kept. */
  readonly findings: ReadonlyArray<Finding>
  readonly kept: boolean
}

/** Receives the progress of the runs. */
export interface RunListener {
  readonly opened: (store: string) => void
  readonly started: (contender: Contender, recording: Recording) => void
  readonly finished: (contender: Contender, recording: Recording) => void
}

/** Runs all contenders. Everything that it started has ended when it settles, in any case. */
export const run = async (settings: Settings, listener: RunListener, signal: AbortSignal): Promise<Outcome> => {
  const scenario = scenarioNamed(settings.scenario)
  await using store = await storeNamed(settings.store).open(settings.url)
  signal.throwIfAborted()
  listener.opened(store.title)
  const runId = randomBytes(6).toString("hex")
  const recordings: Array<Recording> = []
  for (const contender of settings.check ? [withLeases] : contenders) {
    const prefix = `stampede:${runId}:${contender.name}:`
    const run = new Run({ settings, scenario, contender, store, prefix, signal })
    listener.started(contender, run.recording)
    recordings.push(await run.execute())
    listener.finished(contender, run.recording)
  }
  const all = recordings.map((recording) => figures(recording, settings.load))
  const last = recordings.at(-1)!
  const problems: ReadonlyArray<Finding> = last.problem === undefined ? [] : [{ ok: false, text: last.problem }]
  const findings = [...problems, ...scenario.findings(last, all.at(-1)!, settings)]
  return { settings, store: store.title, recordings, figures: all, findings, kept: findings.every(({ ok }) => ok) }
}

/**
 * `stampede`: see `--help`.
 */
import { writeFile } from "node:fs/promises"
import { EarlyExit, parse } from "./cli/Arguments.ts"
import { json } from "./cli/Json.ts"
import { report } from "./report/Report.ts"
import * as Stampede from "./run/Stampede.ts"
import type { Settings } from "./scenarios/Settings.ts"
import { Screen } from "./terminal/Screen.ts"

/** A signal has asked the process to end. */
class Interrupted extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(signal)
    this.signal = signal
  }
}

const exitCodes: { readonly [signal: string]: number } = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

const run = async (settings: Settings): Promise<number> => {
  const interruption = new AbortController()
  for (const signal of Object.keys(exitCodes) as Array<NodeJS.Signals>) {
    process.on(signal, () => interruption.abort(new Interrupted(signal)))
  }
  // With --json, standard output is the document alone.
  using screen = new Screen(settings.json ? process.stderr : process.stdout, settings)
  const outcome = await Stampede.run(settings, screen, interruption.signal).catch((error: unknown) => {
    // An error after a signal is a consequence of the signal.
    throw interruption.signal.aborted ? interruption.signal.reason : error
  })
  if (settings.report !== undefined) await writeFile(settings.report, report(outcome, settings.report))
  if (settings.json) process.stdout.write(`${json(outcome)}\n`)
  else if (settings.check) screen.findings(outcome)
  else screen.outcome(outcome, settings.report)
  return outcome.kept ? 0 : 1
}

const explain = (error: unknown): number => {
  if (error instanceof EarlyExit) {
    ;(error.exitCode === 0 ? process.stdout : process.stderr).write(`${error.message}\n`)
    return error.exitCode
  }
  if (error instanceof Interrupted) return exitCodes[error.signal] ?? 1
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  return 1
}

try {
  process.exitCode = await run(parse(process.argv.slice(2)))
} catch (error) {
  process.exitCode = explain(error)
}

import { parse } from "../../src/cli/Arguments.ts"
import * as Stampede from "../../src/run/Stampede.ts"

const nobody: Stampede.RunListener = { opened: () => {}, started: () => {}, finished: () => {} }

/** A stampede in real processes, as the command line would begin it. */
export const run = (...args: ReadonlyArray<string>): Promise<Stampede.Outcome> =>
  Stampede.run(parse(["--no-report", ...args], {}), nobody, new AbortController().signal)

import { runSteps } from "./run/Run.ts"
import { command, type Step } from "./run/Step.ts"
import { summary } from "./run/Summary.ts"
import { vitest } from "./run/VitestStep.ts"

const minute = 60_000

/** Most test files speak to servers, and wait more than they work. */
const workers = "--maxWorkers=3"

/** All steps, in the order in which a failure is cheapest to find. */
const steps: ReadonlyArray<Step> = [
  command("typecheck", "tsc", "-b"),
  command("lint", "biome", "check", "--error-on-warnings"),
  command("dependency directions", "node", "scripts/deps/check.ts"),
  command("compose file", "node", "scripts/compose/check.ts"),
  vitest("unit, contract and type tests", workers, "--project=scripts", "--project=@cache-locking/*"),
  vitest("real servers and processes", workers, "--project=app-*", "--project=example-*"),
  command("documentation examples", "node", "--conditions=cache-locking-source", "scripts/docs/check.ts"),
  command("packed packages", "node", "scripts/pack/check.ts")
]

const only = process.argv.slice(2)
const wanted = steps.filter((step) => only.length === 0 || only.some((word) => step.name.includes(word)))

// CI ends a run after 90 minutes, and its clock starts before the installation. The silence is longer than any limit of
// a test or of a program that a step starts, so that the run names these and the step goes on.
const outcomes = await runSteps(wanted, { silence: 20 * minute, deadline: performance.now() + 80 * minute })
const { text, ok } = summary(outcomes)
console.log(text)
process.exitCode = ok ? 0 : 1

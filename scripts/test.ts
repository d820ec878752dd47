import { command, type Step } from "./run/Step.ts"
import { summary } from "./run/Summary.ts"
import { vitest } from "./run/VitestStep.ts"

/** Everything that must hold, in the order in which a failure is cheapest to find. */
const steps: ReadonlyArray<Step> = [
  command("typecheck", "tsc", "-b"),
  command("lint", "biome", "check", "--error-on-warnings"),
  command("dependency directions", "node", "scripts/deps/check.ts"),
  command("compose file", "node", "scripts/compose/check.ts"),
  vitest("unit, contract and type tests", ["scripts", "@cache-locking/*"]),
  vitest("real servers and processes", ["app-*", "example-*"]),
  command("documentation examples", "node", "--conditions=cache-locking-source", "scripts/docs/check.ts"),
  command("packed packages", "node", "scripts/pack/check.ts")
]

const only = process.argv.slice(2)
const wanted = steps.filter((step) => only.length === 0 || only.some((word) => step.name.includes(word)))

const outcomes = []
for (const step of wanted) {
  console.log(`\n── ${step.name} ${"─".repeat(Math.max(0, 76 - step.name.length))}`)
  const start = performance.now()
  const tally = await step.run()
  outcomes.push({ name: step.name, seconds: (performance.now() - start) / 1000, ...tally })
}

const { text, ok } = summary(outcomes)
console.log(text)
process.exitCode = ok ? 0 : 1

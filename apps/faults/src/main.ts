/** `faults`: see `--help`. */
import { parseArgs } from "node:util"
import { names } from "./backends/Backends.ts"
import * as Record from "./Record.ts"
import { type Result, type RunOptions, run } from "./Run.ts"

const help = `Real processes over a real store with real faults, judged against a versioned origin.

  npx -y pnpm@12 faults [options]

  --backend <name>   one of ${names.join(", ")}; may be repeated; default: all of them
  --minutes <n>      how long, for each backend (default 1)
  --seconds <n>      how long the faults of one round last (default 30)
  --seed <n>         the seed of the first round; each other round has the next one (default 1)
  --processes <n>    worker processes, 2 to 16 (default 6)
  --right-clocks     no wall clock is wrong
  --record           writes docs/faults.md and docs/faults.json; backends that are not run keep their rows
  --help

The exit code is 1 when there was a violation. Each is printed with its seed, and what happened to its key meanwhile.`

/** The arguments cannot be used. */
class Refused extends Error {}

const number = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text)
  if (value >= least && value <= most) return value
  throw new Refused(`--${name} ${text}: a number from ${least} to ${most} is accepted`)
}

const parse = (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      backend: { type: "string", multiple: true, default: [...names] },
      minutes: { type: "string", default: "1" },
      seconds: { type: "string", default: "30" },
      seed: { type: "string", default: "1" },
      processes: { type: "string", default: "6" },
      "right-clocks": { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      help: { type: "boolean", default: false }
    }
  })
  const unknown = values.backend.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Refused(`--backend ${unknown}: one of ${names.join(", ")} is accepted`)
  const each: Omit<RunOptions, "backend"> = {
    seed: number("seed", values.seed, 0, 2 ** 31),
    processes: number("processes", values.processes, 2, 16),
    time: number("minutes", values.minutes, 0, 10_000) * 60_000,
    rightClocks: values["right-clocks"],
    length: number("seconds", values.seconds, 1, 3_600) * 1_000
  }
  return { ...values, each }
}

const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([name, count]) => `${name} ${count}`).join(", ") || "none"

const summary = ({ faults, loads, operations, outcomes, rightClocks, rounds, title, violations }: Result): string =>
  [
    `${title}: ${rounds} rounds, ${operations} operations, ${loads} loads${rightClocks === undefined ? "" : `; all clocks right: ${rightClocks}`}`,
    `  answers:    ${listed(outcomes)}`,
    `  faults:     ${listed(faults)}`,
    `  violations: ${listed(violations)}`
  ].join("\n")

const main = async (args: ReadonlyArray<string>): Promise<number> => {
  const { backend, each, help: wantsHelp, record } = parse(args)
  if (wantsHelp) {
    console.log(help)
    return 0
  }
  let violations = 0
  for (const name of backend) {
    const result = await run({
      ...each,
      backend: name,
      onRound: ({ operations, seed, stories }) => {
        console.log(`${name}: seed ${seed}, ${operations} operations, ${stories.length} violations`)
        for (const story of stories) console.log(`\n${story}\n`)
      }
    })
    console.log(summary(result))
    violations += result.stories.length
    if (record) await Record.add(name, each, result)
  }
  return violations === 0 ? 0 : 1
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(
    error instanceof Refused || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS")
      ? `${(error as Error).message}\nSee --help.`
      : error
  )
  process.exitCode = 2
}

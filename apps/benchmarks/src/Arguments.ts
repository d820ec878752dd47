import { parseArgs } from "node:util"
import { bound } from "./against/Comparison.ts"
import { measurements } from "./against/Measurements.ts"
import { suites } from "./Suites.ts"

export interface Arguments {
  /** Of suites, or of measurements when there is a commit to compare with. */
  readonly suites: ReadonlyArray<string>
  readonly quick: boolean
  readonly write: boolean
  readonly rounds: number | undefined
  /** The commit to compare with. */
  readonly against: string | undefined
}

/** The command line got an answer or an error, and nothing is run. */
export class Answered extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

const help = `Measures cache-locking beside other caches.

  npx -y pnpm@12 benchmarks [suite...] [options]
  npx -y pnpm@12 benchmarks --against <commit> [measurement...] [options]

With --against, the working tree is compared with an older commit. Each is built in a copy of its own, and they are measured
in alternating rounds, always in a new process. The exit code is 1 when a measurement exceeds the bound: when the 95 %
interval of the median of new ÷ old begins above ${bound.low}, or the median is above ${bound.median}.
Times are those of the measuring thread on a core, which other work on the machine hardly changes. Waiting is not in them;
the rows "by the clock" have it, and are not judged.

  --quick      few and short rounds: to see that it works, not to compare
  --rounds N   so many rounds instead of each suite's own number; with --against 20 or more, and 20 by default
  --write      write docs/benchmarks.md; suites that were not run keep their earlier figures
  --help

Suites, all of them unless some are named:
${suites.map(({ name, title }) => `  ${name.padEnd(18)}${title}`).join("\n")}

Measurements, all of them unless some are named:
${measurements
  .flatMap(({ figures, name }) => figures.map(({ title }, i) => `  ${(i === 0 ? name : "").padEnd(18)}${title}`))
  .join("\n")}`

/** Fewer rounds say too little. */
const fewest = 20

const refuse = (message: string): never => {
  throw new Answered(`${message}\nSee --help.`, 2)
}

/** Throws `Answered` for `--help` and for invalid arguments. */
export const parse = (args: ReadonlyArray<string>): Arguments => {
  const { positionals, values } = read(args)
  if (values.help) throw new Answered(help, 0)
  const { against, quick = false, write = false } = values
  const [kind, known] = against === undefined ? ["suite", suites] : ["measurement", measurements]
  const names = known.map(({ name }) => name)
  const unknown = positionals.find((name) => !names.includes(name))
  if (unknown !== undefined) refuse(`There is no ${kind} "${unknown}". There are: ${names.join(", ")}.`)
  if (against !== undefined && write) refuse("--write writes suites, and --against runs none.")
  if (quick && write) refuse("--quick makes no figures worth writing down.")
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    refuse(`--rounds is a positive integer, not "${values.rounds}".`)
  }
  if (against !== undefined && !quick && rounds !== undefined && rounds < fewest) {
    refuse(`--against takes at least ${fewest} rounds.`)
  }
  return { suites: positionals.length === 0 ? names : positionals, quick, write, rounds, against }
}

const read = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean" },
        write: { type: "boolean" },
        rounds: { type: "string" },
        against: { type: "string" },
        help: { type: "boolean", short: "h" }
      }
    })
  } catch (error) {
    return refuse((error as Error).message)
  }
}

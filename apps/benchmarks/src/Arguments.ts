import { parseArgs } from "node:util"
import { suites } from "./Suites.ts"

export interface Arguments {
  readonly suites: ReadonlyArray<string>
  readonly quick: boolean
  readonly write: boolean
  readonly rounds: number | undefined
}

/** The command line was answered, or refused: there is nothing to run. */
export class Answered extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

const help = `Measures cache-locking beside the caches people use today.

  node --expose-gc --conditions=cache-locking-source apps/benchmarks/src/main.ts [suite...] [options]

  --quick      few and short rounds: to see that it works, not to compare
  --rounds N   so many rounds instead of each suite's own number
  --write      write docs/benchmarks.md; suites that were not run keep what was written of them before
  --help

Suites, all of them unless some are named:
${suites.map(({ name, title }) => `  ${name.padEnd(16)}${title}`).join("\n")}`

const refuse = (message: string): never => {
  throw new Answered(`${message}\nSee --help.`, 2)
}

/** Throws `Answered` for `--help` and for what makes no sense. */
export const parse = (args: ReadonlyArray<string>): Arguments => {
  const { positionals, values } = read(args)
  if (values.help) throw new Answered(help, 0)
  const { quick = false, write = false } = values
  const unknown = positionals.find((name) => suites.every((suite) => suite.name !== name))
  if (unknown !== undefined)
    refuse(`There is no suite "${unknown}". Suites: ${suites.map(({ name }) => name).join(", ")}.`)
  if (quick && write) refuse("--quick makes no figures worth writing down.")
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    refuse(`--rounds is a positive integer, not "${values.rounds}".`)
  }
  return { suites: positionals.length === 0 ? suites.map(({ name }) => name) : positionals, quick, write, rounds }
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
        help: { type: "boolean", short: "h" }
      }
    })
  } catch (error) {
    return refuse((error as Error).message)
  }
}

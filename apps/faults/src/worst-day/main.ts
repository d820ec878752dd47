/** `worst-day`: see `--help`. */
import { parseArgs } from "node:util"
import { Unavailable } from "@cache-locking/test-servers"
import { type BackendName, isBackend } from "../backends/Backends.ts"
import { type BatchRow, batchSizes, measureBatch } from "./Batch.ts"
import { cells } from "./Cells.ts"
import { type Condition, conditions, isMade } from "./Condition.ts"
import { batchFaultsOf, faultsOf, measure, type Row } from "./Measure.ts"
import { add, stores } from "./Page.ts"

const help = `Each remote store, and the cluster, on its worst day: what callers get, how fast, and when all is well again.

  npx -y pnpm@12 worst-day [options]

  --store <name>       one of ${stores.join(", ")}; may be repeated; default: all of them
  --condition <name>   one of ${conditions.join(", ")}, or batches (large ones, while answers are late); may be
                       repeated; default: all of them
  --record             writes docs/worst-day.md and docs/worst-day.json; what is not measured keeps its rows
  --help

A cell takes about 15 seconds, and all of them about 20 minutes. The exit code is 1 when a figure had no bound, an error had no
type, or nobody handled a failure.`

/** The arguments cannot be used. */
class Refused extends Error {}

type Wanted = Condition | "batches"

const all: ReadonlyArray<Wanted> = [...conditions, "batches"]

const isWanted = (name: string): name is Wanted => (all as ReadonlyArray<string>).includes(name)

const parse = (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      store: { type: "string", multiple: true, default: [...stores] },
      condition: { type: "string", multiple: true, default: [...all] },
      record: { type: "boolean", default: false },
      help: { type: "boolean", default: false }
    }
  })
  const accepted = <A extends string>(option: string, given: ReadonlyArray<string>, is: (name: string) => name is A) =>
    given.map((name) => {
      if (is(name)) return name
      throw new Refused(`--${option} ${name} is not accepted`)
    })
  return {
    ...values,
    stores: accepted("store", values.store, isBackend),
    wanted: accepted("condition", values.condition, isWanted)
  }
}

const seconds = (millis: number | null): string => (millis === null ? "no end" : `${(millis / 1_000).toFixed(3)} s`)

const inWords = ({ condition, healed, known, loads, new: fresh, onAdapterError, store }: Row): string => {
  const answers = JSON.stringify({ new: fresh.answers, known: known.answers })
  return `${store}, ${condition}, ${onAdapterError}: ${seconds(fresh.first)}, ${seconds(fresh.last)}; ${answers}; ${loads} loads; healed in ${seconds(healed)}`
}

const batchInWords = ({ answer, keys, kept, late, leases, loads, store, took }: BatchRow): string =>
  `${store}, a batch of ${keys}, ${late} ms: ${seconds(took)}, answer ${answer}; ${loads} loads, ${kept} kept, ${leases} leases left`

/** Measures a condition; returns the faults, in words. */
const cell = async (store: BackendName, condition: Condition, record: boolean): Promise<ReadonlyArray<string>> => {
  if (!isMade(cells[store][condition])) return []
  const { rows, title } = await measure(store, condition)
  for (const row of rows) console.log(inWords(row))
  if (record) await add(store, title, rows, [])
  return rows.flatMap((row) => faultsOf(row).map((fault) => `${store}, ${condition}, ${row.onAdapterError}: ${fault}`))
}

/** Measures the batches; returns the faults, in words. */
const batches = async (store: BackendName, record: boolean): Promise<ReadonlyArray<string>> => {
  const faults: Array<string> = []
  for (const size of batchSizes) {
    const { row, title } = await measureBatch(store, size)
    console.log(batchInWords(row))
    if (record) await add(store, title, [], [row])
    faults.push(...batchFaultsOf(row).map((fault) => `${store}, a batch of ${size.keys}, ${size.late} ms: ${fault}`))
  }
  return faults
}

const main = async (args: ReadonlyArray<string>): Promise<number> => {
  const { help: wantsHelp, record, stores, wanted } = parse(args)
  if (wantsHelp) {
    console.log(help)
    return 0
  }
  const faults: Array<string> = []
  for (const store of stores) {
    try {
      for (const each of wanted) {
        faults.push(...(await (each === "batches" ? batches(store, record) : cell(store, each, record))))
      }
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      console.log(error.message)
    }
  }
  for (const fault of faults) console.error(fault)
  return faults.length === 0 ? 0 : 1
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

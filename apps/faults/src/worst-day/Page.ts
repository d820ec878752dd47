/** The page in `docs/`: what the last recorded run of each cell and each batch found. */
import { readFile, writeFile } from "node:fs/promises"
import type { BackendName } from "../backends/Backends.ts"
import { table } from "../Record.ts"
import { type BatchRow, batchSizes } from "./Batch.ts"
import { cells } from "./Cells.ts"
import { type Condition, conditions, isMade } from "./Condition.ts"
import { batchFaultsOf, faultsOf, type Row } from "./Measure.ts"
import type { Latencies } from "./Messages.ts"
import { network, restarted } from "./Network.ts"

/** The last runs. */
export interface Recorded {
  /** The product and its version, by store. */
  readonly titles: Readonly<Partial<Record<BackendName, string>>>
  readonly rows: ReadonlyArray<Row>
  readonly batches: ReadonlyArray<BatchRow>
}

/** The stores, in the order of the page. */
export const stores = Object.keys(cells) as ReadonlyArray<BackendName>

const names: Readonly<Record<BackendName, string>> = {
  redis: "Redis",
  memcached: "Memcached",
  dynamodb: "DynamoDB",
  mongodb: "MongoDB",
  postgres: "Postgres",
  s3: "S3",
  r2: "R2",
  kv: "KV",
  d1: "D1",
  cluster: "Cluster"
}

/** Two digits are enough: another machine has other ones. */
const time = (millis: number | null): string => {
  if (millis === null) return "**no end**"
  if (millis < 0.95) return "< 1 ms"
  return millis < 995 ? `${Number(millis.toPrecision(2))} ms` : `${(millis / 1_000).toFixed(1)} s`
}

const times = ({ first, last }: Latencies): string => `${time(first)} · ${time(last)}`

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ") || "–"

const counted = (faults: ReadonlyArray<string>): string => (faults.length === 0 ? "" : `**${faults.length}**`)

const cellsOf = (row: Row): ReadonlyArray<string> => [
  ...[row.condition, row.onAdapterError, times(row.new), listed(row.new.answers)],
  ...[times(row.known), listed(row.known.answers), listed(row.told), String(row.lines)],
  ...[`${row.loads} (${row.mostAtOnce})`, row.queued === null ? "–" : String(row.queued)],
  ...[time(row.healed), String(row.leases ?? "?"), counted(faultsOf(row))]
]

const header = [
  ...["condition", "`onAdapterError`", "new key: 1st · 100th", "answers", "known key: 1st · 100th", "answers"],
  ...["told", "log lines", "loads (most at once)", "queued", "healed in", "leases left", "faults"]
]

/** These are the same for most stores, and are told once. */
const common: ReadonlyArray<readonly [Condition, string]> = [
  ...Object.entries(network).map(([condition, { how }]) => [condition as Condition, how] as const),
  ["restarted empty", restarted.how]
]

const howOf = (store: BackendName, condition: Condition): ReadonlyArray<string> => {
  const cell = cells[store][condition]
  if (!isMade(cell)) {
    const why = cell.without === "meaning" ? "has no meaning" : "no stand-in can make it"
    return [`- ${condition} ${why}: ${cell.why}.`]
  }
  return common.some(([, how]) => how === cell.how) ? [] : [`- ${condition}: ${cell.how}.`]
}

const section = (store: BackendName, title: string | undefined, rows: ReadonlyArray<Row>): string => {
  const wrong = rows.flatMap((row) =>
    faultsOf(row).map((fault) => `- **${row.condition}, ${row.onAdapterError}**: ${fault}`)
  )
  return [
    `## ${names[store]}`,
    ...(rows.length === 0 ? ["Not measured yet."] : [`Measured with ${title}.`, table(header, rows.map(cellsOf))]),
    conditions.flatMap((condition) => howOf(store, condition)).join("\n"),
    ...(wrong.length === 0 ? [] : [`Faults:\n\n${wrong.join("\n")}`])
  ]
    .filter((part) => part !== "")
    .join("\n\n")
}

const most = (figures: ReadonlyArray<number | null>): number | null =>
  figures.includes(null) ? null : Math.max(...(figures as ReadonlyArray<number>))

/** The slowest answer of all callers, and the slowest healing, of a cell. */
const summary = (store: BackendName, condition: Condition, rows: ReadonlyArray<Row>): string => {
  if (!isMade(cells[store][condition])) return "–"
  const own = rows.filter((row) => row.store === store && row.condition === condition)
  if (own.length === 0) return "not measured"
  const slowest = most(own.flatMap((row) => [row.new.slowest, row.known.slowest]))
  return `${time(slowest)} · ${time(most(own.map(({ healed }) => healed)))}`
}

const batchCellsOf = (row: BatchRow): ReadonlyArray<string> => [
  ...[names[row.store], row.keys.toLocaleString("en"), `${row.late} ms`, time(row.took), String(row.answer)],
  ...[
    String(row.loads),
    String(row.kept ?? "?"),
    String(row.leases ?? "?"),
    listed(row.told),
    counted(batchFaultsOf(row))
  ]
]

const batchHeader = [
  ...["store", "keys", "answers late by", "answered in", "values", "loads"],
  ...["kept", "leases left", "told", "faults"]
]

/** The page. */
export const page = ({ batches, rows, titles }: Recorded): string => {
  const wrong = batches.flatMap((row) =>
    batchFaultsOf(row).map((fault) => `- **${names[row.store]}, ${row.keys} keys, ${row.late} ms**: ${fault}`)
  )
  return `# The worst day

This page is written by \`npx -y pnpm@12 worst-day --record\` ([\`apps/faults\`](../apps/faults/README.md#the-worst-day)), from the last recorded run
of each cell. [In production](production.md) says what to set before.

Two processes ask one store through a proxy each, by the public promise API. One has \`onAdapterError: "fail"\`, the other \`"fetch"\`. All else is
the default, and the clients have the options of [In production](production.md#the-options-of-your-client). From the moment at which the condition
begins, each makes 200 calls in five seconds: 100 for new keys, and 100 for ten known keys, whose values were in the store before. A load takes 20 ms. A
condition lasts ten seconds unless its line says something else.

${common.map(([condition, how]) => `- ${condition}: ${how}.`).join("\n")}
- The other conditions differ by store, and are described there.

The slowest answer while it lasted, and the time until the cache was well again:

${table(
  ["store", ...conditions],
  stores.map((store) => [names[store], ...conditions.map((condition) => summary(store, condition, rows))])
)}

In the tables of the stores:

- **answers**: values by \`meta.cache\` with \`meta.uncached\`, errors by their tag.
- **told**: what \`stats()\` counted meanwhile beside hits and loads, and the errors by kind.
- **loads**: calls of the origin for these 200 calls, and the most at once for one key in the process.
- **queued**: the most requests that waited in the client at once, for a connection or an answer; – where the client does not tell.
- **healed in**: from the moment at which the store could answer again until an answer came from it or was cached. New keys are asked for every 50 ms.
- **leases left**: of these keys, a second later, without a load.
- **faults**: figures without a bound (90 seconds), errors without a type, failures that nobody handled. The command fails for them, and for nothing else.

${stores
  .map((store) =>
    section(
      store,
      titles[store],
      rows.filter((row) => row.store === store)
    )
  )
  .join("\n\n")}

## Batches

One \`getOrSetMany\` of new keys, with all defaults, while each answer of the store is late. **kept** are the values that are in the store afterwards.

${batches.length === 0 ? "Not measured yet." : table(batchHeader, batches.map(batchCellsOf))}
${wrong.length === 0 ? "" : `\nFaults:\n\n${wrong.join("\n")}\n`}`
}

const docs = new URL("../../../../docs/", import.meta.url)

const file = new URL("worst-day.json", docs)

const older = (): Promise<Recorded> =>
  readFile(file, "utf8").then(JSON.parse, (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return { titles: {}, rows: [], batches: [] }
    throw error
  })

const rank = ({ condition, store }: Row): number =>
  stores.indexOf(store) * conditions.length + conditions.indexOf(condition)

const isSame = (one: BatchRow, other: BatchRow): boolean =>
  one.store === other.store && one.keys === other.keys && one.late === other.late

const batchRank = (row: BatchRow): number =>
  stores.indexOf(row.store) * batchSizes.length +
  batchSizes.findIndex(({ keys, late }) => keys === row.keys && late === row.late)

/** Writes what was measured of a store over what was there of the same cells and batches; all else stays. */
export const add = async (
  store: BackendName,
  title: string,
  rows: ReadonlyArray<Row>,
  batches: ReadonlyArray<BatchRow>
): Promise<void> => {
  const before = await older()
  const measured = new Set(rows.map(({ condition }) => condition))
  const kept = before.rows.filter((row) => row.store !== store || !measured.has(row.condition))
  const keptBatches = before.batches.filter((row) => !batches.some((batch) => isSame(batch, row)))
  const recorded: Recorded = {
    titles: { ...before.titles, [store]: title },
    rows: [...kept, ...rows].sort((one, other) => rank(one) - rank(other)),
    batches: [...keptBatches, ...batches].sort((one, other) => batchRank(one) - batchRank(other))
  }
  await writeFile(file, `${JSON.stringify(recorded, null, 2)}\n`)
  await writeFile(new URL("worst-day.md", docs), page(recorded))
}

/** The record of runs in `docs/`: a row for each backend's last run. */
import { readFile, writeFile } from "node:fs/promises"
import type { Result, RunOptions } from "./Run.ts"

export interface Row {
  readonly backend: string
  readonly title: string
  readonly date: string
  readonly minutes: number
  readonly processes: number
  readonly firstSeed: number
  readonly lastSeed: number
  readonly operations: number
  readonly loads: number
  readonly rightClocks: string | null
  readonly faults: Readonly<Record<string, number>>
  readonly violations: Readonly<Record<string, number>>
}

const docs = new URL("../../../docs/", import.meta.url)

const rowOf = (backend: string, { processes, seed, time }: Omit<RunOptions, "backend">, result: Result): Row => ({
  ...{ backend, processes, title: result.title, date: new Date().toISOString().slice(0, 10) },
  ...{ minutes: time / 60_000, firstSeed: seed, lastSeed: seed + result.rounds - 1 },
  ...{ operations: result.operations, loads: result.loads, rightClocks: result.rightClocks ?? null },
  faults: Object.fromEntries(result.faults),
  violations: Object.fromEntries(result.violations)
})

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0)

/** A table of Markdown. */
export const table = (header: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string => {
  const cells = [
    header,
    ...rows.map((row) => row.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell)))
  ]
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [
    line(cells[0]!),
    `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`,
    ...cells.slice(1).map(line)
  ].join("\n")
}

/** The page. */
export const page = (rows: ReadonlyArray<Row>): string => {
  const kinds = [...new Set(rows.flatMap(({ faults }) => Object.keys(faults)))].sort()
  const runs = rows.map((row) => [
    ...[row.backend, row.title, row.date, `${row.minutes} min`, row.processes, `${row.firstSeed}–${row.lastSeed}`],
    ...[row.operations, row.loads, sum(row.faults)],
    sum(row.violations) === 0
      ? "0"
      : Object.entries(row.violations)
          .map(([rule, count]) => `${count} ${rule}`)
          .join(", ")
  ])
  const counts = rows.map(({ backend, faults }) => [backend, ...kinds.map((kind) => faults[kind] ?? "–")])
  const right = rows.filter(({ rightClocks }) => rightClocks !== null)
  return `# Real processes, real faults

This page is written by [\`apps/faults\`](../apps/faults/README.md), from the last recorded run of each backend. An operation is a
call for one key through the public promise API, or a change of the origin that a cache was made to follow. Every record is
judged against the versioned origin; the rules and all allowances are in [\`Judge.ts\`](../apps/faults/src/Judge.ts).

${table(["backend", "server", "date", "time", "processes", "seeds", "operations", "loads", "faults", "violations"], runs)}

The faults, by kind:

${table(["backend", ...kinds], counts)}
${right.map(({ backend, rightClocks }) => `\nAll wall clocks were right for ${backend}: ${rightClocks}.\n`).join("")}`
}

/** Writes a run over the backend's older one. */
export const add = async (backend: string, options: Omit<RunOptions, "backend">, result: Result): Promise<void> => {
  const file = new URL("faults.json", docs)
  const older: ReadonlyArray<Row> = await readFile(file, "utf8").then(JSON.parse, (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []
    throw error
  })
  const rows = [...older.filter((row) => row.backend !== backend), rowOf(backend, options, result)]
  rows.sort((one, other) => one.backend.localeCompare(other.backend))
  await writeFile(file, `${JSON.stringify(rows, null, 2)}\n`)
  await writeFile(new URL("faults.md", docs), page(rows))
}

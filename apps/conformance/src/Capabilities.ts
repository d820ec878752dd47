/** `capabilities.json`: the results of all setups and the servers they ran on. Nothing in it depends on the date. */
import { readFileSync, writeFileSync } from "node:fs"
import { type LawId, Report } from "@cache-locking/conformance-kit"
import type { AdapterSetup, ServerFacts } from "./setups/AdapterSetup.ts"

/** A limit. JSON has no `Infinity`. */
export type Bound = number | "none"

/** The result of one setup. */
export type Entry = Run | NotRun

export interface NotRun {
  readonly status: "not run"
  readonly title: string
  readonly package: string
  readonly reason: string
}

export interface Run {
  readonly status: "run"
  readonly title: string
  readonly package: string
  readonly server: ServerFacts | null
  readonly capabilities: Report.Report["facts"]
  readonly limits: {
    readonly keyBytes: Bound
    readonly valueBytes: Bound
    readonly tick: number
    readonly clock: "store" | "client"
  }
  readonly laws: { readonly [law in LawId]?: Report.Counts }
  readonly total: Report.Counts
  readonly skipped: ReadonlyArray<{ readonly case: string; readonly reason: string }>
  readonly failed: ReadonlyArray<{ readonly case: string; readonly reason: string }>
}

export type Capabilities = { readonly [setup: string]: Entry }

export const file = new URL("../capabilities.json", import.meta.url)

const bound = (limit: number): Bound => (limit === Infinity ? "none" : limit)

/** The result of a run. */
export const run = (setup: AdapterSetup, server: ServerFacts | undefined, report: Report.Report): Run => {
  const { keyBytes, valueBytes, ...limits } = report.limits
  return {
    status: "run",
    title: setup.title,
    package: setup.package,
    server: server ?? null,
    capabilities: report.facts,
    limits: { keyBytes: bound(keyBytes), valueBytes: bound(valueBytes), ...limits },
    laws: Object.fromEntries(Report.byLaw(report).map(({ law, ...counts }) => [law, counts])),
    total: Report.countsOf(report.cases),
    skipped: report.cases.flatMap(({ name, verdict }) =>
      verdict.outcome === "skipped" ? [{ case: name, reason: verdict.reason }] : []
    ),
    failed: report.cases.flatMap(({ name, verdict }) =>
      verdict.outcome === "failed" ? [{ case: name, reason: verdict.error.message.split("\n")[0]! }] : []
    )
  }
}

/** The result where the backend is not available. */
export const notRun = (setup: AdapterSetup, reason: string): NotRun => ({
  status: "not run",
  title: setup.title,
  package: setup.package,
  reason
})

export const read = (): Capabilities => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {}
    throw error
  }
}

/** Writes the entries in the order of their names. */
export const write = (capabilities: Capabilities): void => {
  const sorted = Object.fromEntries(Object.entries(capabilities).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`)
}

import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Entry, readRecord, recordVariable } from "./Record.ts"
import { indented, type Step, type Tally } from "./Step.ts"
import { type End, supervise } from "./Supervisor.ts"

const reporter = join(import.meta.dirname, "Record.ts")

/** One vitest run with these arguments. The counts are those of its record, complete or not. */
export const vitest = (name: string, ...args: ReadonlyArray<string>): Step => ({
  name,
  run: async (limits) => {
    const folder = mkdtempSync(join(tmpdir(), "test-record-"))
    const record = join(folder, "record")
    writeFileSync(record, "")
    try {
      const reporters = ["--reporter=default", `--reporter=${reporter}`]
      const end = await supervise("vitest", ["run", ...args, ...reporters], limits, {
        env: { [recordVariable]: record },
        progress: () => statSync(record).size
      })
      return tally(name, end, readRecord(record))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
})

/**
 * Counts a record. A run that does not finish counts as one failure more, and so does one that fails although no test
 * failed.
 */
export const tally = (name: string, end: Pick<End, "code" | "reason">, entries: ReadonlyArray<Entry>): Tally => {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const failures: Array<string> = []
  /** The running files, each with its running tests. */
  const open = new Map<string, Map<string, string>>()
  let files = 0
  let closed = 0
  let over = false
  for (const entry of entries) {
    if ("files" in entry) files = entry.files
    if ("over" in entry) over = true
    if ("opened" in entry) open.set(entry.opened, new Map())
    if ("started" in entry) open.get(entry.file)?.set(entry.started, entry.name)
    if ("finished" in entry) {
      open.get(entry.file)?.delete(entry.finished)
      if (entry.state === "failed") failures.push(`${entry.name}\n${indented(entry.message)}`)
      else counts[entry.state] += 1
    }
    if ("broken" in entry) failures.push(`${entry.broken}\n${indented(entry.message)}`)
    if ("closed" in entry && open.delete(entry.closed)) closed += 1
  }
  const running = [...open].flatMap(([file, tests]) => (tests.size === 0 ? [file] : [...tests.values()]))
  if (!over) {
    const lines = [`${name} ${end.reason} when ${closed} of ${files} files were done`, ...running]
    failures.push(lines.join("\n    while in "))
  } else if (end.code !== 0) {
    failures.push(...running.map((test) => `${test}\n    did not come to its end`))
    if (failures.length === 0) failures.push(`${name} ${end.reason} though no test failed`)
  }
  return { ...counts, failed: failures.length, failures }
}

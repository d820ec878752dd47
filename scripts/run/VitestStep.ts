import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "./Command.ts"
import type { Step, Tally } from "./Step.ts"

/** One vitest run over the projects that match; the numbers are those of its own JSON report. */
export const vitest = (name: string, projects: ReadonlyArray<string>): Step => ({
  name,
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), "vitest-report-"))
    const report = join(folder, "report.json")
    try {
      const { code } = await run("vitest", [
        "run",
        // Most files speak to servers, and wait more than they work; the configuration's own figure is each project's.
        "--maxWorkers=3",
        ...projects.flatMap((project) => ["--project", project]),
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${report}`
      ])
      return tally(code, () => JSON.parse(readFileSync(report, "utf8")))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
})

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<{ readonly status: string; readonly assertionResults: ReadonlyArray<unknown> }>
}

/**
 * Counts a report. A file that could not be loaded has no tests to count and an error outside any test
 * is in no count at all: both still fail, once each.
 */
export const tally = (code: number, read: () => Report): Tally => {
  try {
    const report = read()
    const unloaded = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0)
    const failed = report.numFailedTests + unloaded.length
    return {
      passed: report.numPassedTests,
      failed: failed === 0 && code !== 0 ? 1 : failed,
      skipped: report.numPendingTests + report.numTodoTests
    }
  } catch {
    // No report was written: vitest itself did not get that far.
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

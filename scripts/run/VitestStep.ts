import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { run } from "./Command.ts"
import { root } from "./Root.ts"
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
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<TestFile>
}

interface TestFile {
  readonly name: string
  readonly status: string
  readonly message: string
  readonly assertionResults: ReadonlyArray<{
    readonly status: string
    readonly fullName: string
    readonly failureMessages: ReadonlyArray<string>
  }>
}

/**
 * Counts a report. A file that could not be loaded has no tests to count and an error outside any test
 * is in no count at all: both still fail, once each.
 */
export const tally = (code: number, read: () => Report): Tally => {
  try {
    const report = read()
    const failures = report.testResults.flatMap(told)
    return {
      passed: report.numPassedTests,
      failed: code !== 0 ? Math.max(failures.length, 1) : failures.length,
      skipped: report.numPendingTests + report.numTodoTests,
      failures: code !== 0 && failures.length === 0 ? ["an error outside of any test"] : failures
    }
  } catch {
    // No report was written: vitest itself did not get that far.
    return { passed: 0, failed: 1, skipped: 0, failures: ["no report was written"] }
  }
}

const told = (file: TestFile): ReadonlyArray<string> => {
  const path = relative(root, file.name)
  const failed = file.assertionResults.filter(({ status }) => status === "failed")
  // It did not load, or what stands around its tests failed.
  if (file.status === "failed" && failed.length === 0) return [`${path}\n${indented(file.message)}`]
  return failed.map(({ failureMessages, fullName }) => `${path} > ${fullName}\n${indented(failureMessages.join("\n"))}`)
}

/** The beginning of a message, which may be a page of differences. */
const indented = (message: string): string =>
  message
    .split("\n")
    .slice(0, 4)
    .map((line) => `    ${line}`)
    .join("\n")

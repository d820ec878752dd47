import { appendFileSync, readFileSync } from "node:fs"
import { relative } from "node:path"
import { stripVTControlCharacters } from "node:util"
import type { Reporter, TestCase, TestModule, TestSuite } from "vitest/node"
import { root } from "./Root.ts"

/** The environment variable that names the file to record into. */
export const recordVariable = "CACHE_LOCKING_TEST_RECORD"

/** A line of the record. A test is running between its `started` and its `state`, a file between `opened` and `closed`. */
export type Entry =
  | { readonly files: number }
  | { readonly opened: string }
  | { readonly closed: string }
  | { readonly started: string; readonly name: string; readonly file: string }
  | {
      readonly finished: string
      readonly name: string
      readonly file: string
      readonly state: "passed" | "failed" | "skipped"
      readonly message: string
    }
  /** An error outside of any test: of a file that does not load, of a hook around tests, or unhandled. */
  | { readonly broken: string; readonly message: string }
  | { readonly over: true }

type Failed = { readonly message?: string; readonly stack?: string; readonly diff?: string } | undefined

/**
 * A vitest reporter that records each result as it arrives, so that a run that is ended half-way still reports its
 * counts and the running tests.
 */
export default class Recorder implements Reporter {
  private readonly file = process.env[recordVariable]!

  private write(entry: Entry): void {
    appendFileSync(this.file, `${JSON.stringify(entry)}\n`)
  }

  onTestRunStart(files: ReadonlyArray<unknown>): void {
    this.write({ files: files.length })
  }

  onTestModuleQueued(module: TestModule): void {
    this.write({ opened: pathOf(module) })
  }

  onTestCaseReady(test: TestCase): void {
    this.write({ started: test.id, name: nameOf(test), file: pathOf(test.module) })
  }

  onTestCaseResult(test: TestCase): void {
    const { errors = [], state } = test.result()
    if (state !== "pending") {
      const message = errors.map(messageOf).join("\n")
      this.write({ finished: test.id, name: nameOf(test), file: pathOf(test.module), state, message })
    }
  }

  onTestSuiteResult(suite: TestSuite): void {
    this.broken(nameOf(suite), suite.errors())
  }

  onTestModuleEnd(module: TestModule): void {
    this.broken(pathOf(module), module.errors())
    this.write({ closed: pathOf(module) })
  }

  onTestRunEnd(_modules: unknown, errors: ReadonlyArray<Failed>): void {
    this.broken("an error outside of any test", errors)
    this.write({ over: true })
  }

  private broken(where: string, errors: ReadonlyArray<Failed>): void {
    for (const error of errors) this.write({ broken: where, message: messageOf(error) })
  }
}

/** The entries of a record, without a last line that was not written to its end. */
export const readRecord = (file: string): ReadonlyArray<Entry> =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Entry)

const pathOf = (module: TestModule) => relative(root, module.moduleId)
const nameOf = (task: TestCase | TestSuite) => `${pathOf(task.module)} > ${task.fullName}`

/** The characters of a difference that are told. A whole one may be pages. */
const longestDifference = 600

/** The lines that differ, in one line. They tell why an assertion failed on a machine that nobody can look at. */
const differenceOf = (diff: string): string =>
  stripVTControlCharacters(diff)
    .split("\n")
    .filter((line) => /^[-+] (?!Expected|Received)/.test(line))
    .map((line) => line.replace(/\s+/g, " "))
    .join("  ")
    .slice(0, longestDifference)

const messageOf = (error: Failed): string => {
  const message = error?.stack ?? error?.message ?? "no message"
  const difference = differenceOf(error?.diff ?? "")
  return difference === "" ? message : message.replace(/\n|$/, (end) => `\n${difference}${end}`)
}

import { verdictOf } from "@cache-locking/conformance-kit/testing"
import { describe, expect, it } from "vitest"
import { failures, isMissingTable } from "../src/Failure.ts"

const failure = (message: string) => failures.of("fill", "k", new Error(message))

describe("a failure", () => {
  it("may pass, unless the statement, the table, the size or the permission is wrong", () => {
    for (const message of [
      "D1_ERROR: Network connection lost.",
      "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
      "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
      "D1_ERROR: out of memory: SQLITE_NOMEM",
      "fetch failed"
    ]) {
      expect([message, verdictOf(failure(message))]).toEqual([message, "passes"])
    }
    for (const message of [
      'D1_ERROR: near "SELEC": syntax error at offset 0: SQLITE_ERROR',
      "D1_ERROR: no such column: owner at offset 8: SQLITE_ERROR",
      "D1_ERROR: NOT NULL constraint failed: w.key: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)",
      "D1_ERROR: string or blob too big: SQLITE_TOOBIG",
      "D1_ERROR: not authorized: SQLITE_AUTH",
      "D1_ERROR: database or disk is full: SQLITE_FULL",
      "D1_TYPE_ERROR: Type 'object' not supported"
    ]) {
      expect([message, verdictOf(failure(message))]).toEqual([message, "final"])
    }
    expect(failures.of("read", "k", new TypeError("fetch failed")).retryable).toBe(true)
  })

  it("of a database that has too much to do passes after a pause", () => {
    for (const message of [
      "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
      "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
      "D1_ERROR: database is locked: SQLITE_BUSY"
    ]) {
      expect([message, verdictOf(failure(message))]).toEqual([message, "throttled"])
    }
  })

  it("names the remedy for a missing table", () => {
    const error = failure("D1_ERROR: no such table: cache_locking: SQLITE_ERROR")
    expect(error.reason).toBe("Rejected")
    expect(error.message).toMatch(/no such table: cache_locking.*D1Adapter\.migration or D1Adapter\.setup/)
    expect(isMissingTable(error.cause)).toBe(true)
    expect(isMissingTable("no such table")).toBe(false)
  })

  it("shows neither a value nor the properties of the thrown error", () => {
    const thrown = Object.assign(new Error("D1_TYPE_ERROR: Type 'object' not supported for value 'a secret'"), {
      cause: new Error("a secret"),
      params: ["a secret"]
    })
    const error = failures.of("put", "k", thrown)
    expect(error.message).toBe("D1_TYPE_ERROR: Type 'object' not supported")
    const all = JSON.stringify([error, error.cause, { ...(error.cause as object) }, (error.cause as Error).cause])
    expect(`${all} ${error.stack} ${(error.cause as Error).stack}`).not.toContain("secret")
  })

  it("has a message for an error without one", () => {
    expect(failures.of("read", "k", undefined).message).toBe("D1 did not answer")
    expect(failure("").message).toBe("D1 did not answer")
  })
})

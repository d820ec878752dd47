import { verdictOf } from "@cache-locking/conformance-kit/testing"
import { describe, expect, it } from "vitest"
import { failures, isReply, lostRace } from "../src/Failure.ts"

const serverError = (code: string, message = "said the server") =>
  Object.assign(new Error(message), {
    name: "PostgresError",
    code,
    detail: "Key (key)=(a secret)",
    where: "a secret",
    query: "select $1",
    parameters: ["a secret"],
    args: ["a secret"]
  })

describe("a failure", () => {
  it.each([
    ["08006", "passes"],
    ["25006", "passes"],
    ["40001", "passes"],
    ["40P01", "passes"],
    ["53300", "passes"],
    ["57014", "passes"],
    ["57P01", "passes"],
    ["57P03", "passes"],
    ["58030", "passes"],
    ["XX000", "passes"],
    ["55P03", "throttled"],
    ["55006", "throttled"],
    ["25P02", "final"],
    ["42P01", "final"],
    ["42501", "final"],
    ["28P01", "final"],
    ["3D000", "final"],
    ["22021", "final"],
    ["23505", "final"],
    ["42703", "final"],
    ["54000", "final"],
    ["55000", "final"]
  ])("%s of the server: %s", (code, verdict) =>
    expect(verdictOf(failures.of("read", "k", serverError(code)))).toBe(verdict)
  )

  it.each([
    ["ECONNREFUSED", "passes"],
    ["ECONNRESET", "passes"],
    ["EPIPE", "passes"],
    ["CONNECTION_CLOSED", "passes"],
    ["CONNECTION_DESTROYED", "passes"],
    ["CONNECT_TIMEOUT", "passes"],
    // The client was ended, and can never be used again.
    ["CONNECTION_ENDED", "final"]
  ])("%s of the client: %s", (code, verdict) => {
    const error = Object.assign(new Error("write"), { code })
    expect(verdictOf(failures.of("read", "k", error))).toBe(verdict)
    expect(isReply(error)).toBe(false)
  })

  it("passes on no statement, parameter, detail or quoted data", () => {
    const quoting = serverError("22P02", 'invalid input syntax: "a secret"')
    for (const error of [serverError("23505"), serverError("42501"), quoting]) {
      const failure = failures.of("put", "k", error)
      expect(`${failure.message} ${Object.getOwnPropertyNames(failure.cause)}`).not.toMatch(
        /secret|parameters|args|query|detail/
      )
      expect(String(failure.cause)).not.toContain("secret")
      expect(failure.cause).toMatchObject({ code: error.code })
    }
  })

  it("makes a failure of a value that is no error, and of an error without a message", () => {
    expect(failures.of("read", "k", undefined)).toMatchObject({
      reason: "Unavailable",
      message: "the connection was lost"
    })
    expect(failures.of("read", "k", Object.assign(new AggregateError([]), { code: "ECONNREFUSED" })).message).toBe(
      "ECONNREFUSED"
    )
  })
})

it("distinguishes replies and lost races", () => {
  expect(isReply(serverError("42P01"))).toBe(true)
  expect(isReply(serverError("57P01"))).toBe(false)
  expect(lostRace(serverError("40001"))).toBe(true)
  expect(lostRace(serverError("23505"))).toBe(false)
})

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
  it.each(["08006", "40001", "40P01", "53300", "57014", "57P01", "57P03", "58030", "XX000", "55P03", "25006"])(
    "%s may pass",
    (code) => expect(failures.of("read", "k", serverError(code)).reason).toBe("Unavailable")
  )

  it.each(["42P01", "42501", "28P01", "3D000", "22021", "23505", "42703", "54000"])("%s will not", (code) =>
    expect(failures.of("read", "k", serverError(code)).reason).toBe("Rejected")
  )

  it.each(["ECONNREFUSED", "ECONNRESET", "EPIPE", "CONNECTION_CLOSED", "CONNECT_TIMEOUT", "CONNECTION_ENDED"])(
    "%s of the client may pass",
    (code) => {
      const error = Object.assign(new Error("write"), { code })
      expect(failures.of("read", "k", error)).toMatchObject({ reason: "Unavailable", retryable: true })
      expect(isReply(error)).toBe(false)
    }
  )

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

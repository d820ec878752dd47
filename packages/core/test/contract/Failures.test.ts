import { describe, expect, it } from "vitest"
import * as Failures from "../../src/contract/Failures.ts"

const failures = Failures.make({
  adapter: "store",
  isRejection: (error) => Failures.codeOf(error) === "EACCES",
  details: (error) => ({ status: (error as { status?: number } | undefined)?.status })
})

describe("a failure", () => {
  it("shows the message, the name, the code and the chosen fields, and no other property of the error", () => {
    const error = Object.assign(new TypeError("denied"), {
      code: "EACCES",
      status: 403,
      command: { args: ["a secret"] },
      cause: "a secret"
    })
    const failure = failures.of("fill", "k", error)
    expect(failure).toMatchObject({
      adapter: "store",
      operation: "fill",
      key: "k",
      reason: "Rejected",
      message: "denied"
    })
    expect(failure.cause).toMatchObject({ message: "denied", name: "TypeError", code: "EACCES", status: 403 })
    expect(JSON.stringify([failure, failure.cause, { ...(failure.cause as object) }])).not.toContain("secret")
    expect((failure.cause as Error).cause).toBeUndefined()
  })

  it("has the words that its adapter chose", () => {
    const quoting = Failures.make({ adapter: "store", isRejection: () => false, words: () => "refused" })
    const failure = quoting.of("fill", "k", new Error("refused: a secret"))
    expect([failure.message, (failure.cause as Error).message]).toEqual(["refused", "refused"])
  })

  it("is kept when it is one already", () => {
    const failure = failures.rejected("read", "k", "too large")
    expect(failures.of("fill", "other", failure)).toBe(failure)
    expect(failure).toMatchObject({ reason: "Rejected", message: "too large", retryable: false })
    expect(failures.unavailable("read", undefined, "busy")).toMatchObject({ reason: "Unavailable", retryable: true })
  })

  it.each([
    ["text", "text"],
    [new Error("words"), "words"],
    [{ message: "words" }, "words"],
    [Object.assign(new Error(""), { code: "ECONNREFUSED" }), "ECONNREFUSED"],
    [{ code: "ECONNRESET" }, "ECONNRESET"],
    [new TypeError(""), "TypeError"],
    [new Error(""), "the connection was lost"],
    [undefined, "the connection was lost"],
    [null, "the connection was lost"],
    [5, "the connection was lost"]
  ])("%o has words", (error, words) => {
    expect(failures.of("read", "k", error)).toMatchObject({ reason: "Unavailable", message: words })
  })
})

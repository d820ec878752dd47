import { describe, expect, it } from "vitest"
import * as Failures from "../../src/contract/Failures.ts"

const failures = Failures.make({
  adapter: "store",
  verdict: (error) =>
    Failures.table({ throttled: ["EBUSY", 429], final: ["EACCES"] })(Failures.codeOf(error)) ?? "passes",
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
    const quoting = Failures.make({ adapter: "store", verdict: () => "passes", words: () => "refused" })
    const failure = quoting.of("fill", "k", new Error("refused: a secret"))
    expect([failure.message, (failure.cause as Error).message]).toEqual(["refused", "refused"])
  })

  it("of a store that is asked for too much names the pause before the next call, also under another verb", () => {
    const thrown = Object.assign(new Error("slower"), { code: 429 })
    for (const failure of [failures.of("fill", "k", thrown), failures.throttled("fill", "k", "slower")]) {
      expect(failure.as("renew", "k")).toMatchObject({ operation: "renew", reason: "Unavailable", retryAfter: 100 })
    }
    const slower = Failures.make({ adapter: "store", pause: 1_000, verdict: () => "throttled" })
    expect(slower.of("fill", "k", thrown).retryAfter).toBe(1_000)
    for (const code of ["EACCES", "ECONNRESET", undefined]) {
      expect(failures.of("fill", "k", Object.assign(new Error("no"), { code })).retryAfter).toBeUndefined()
    }
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

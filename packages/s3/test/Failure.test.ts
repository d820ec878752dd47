import { describe, expect, it } from "vitest"
import { failures, isConflict, isMissing, isOvertaken, isRepeated } from "../src/Failure.ts"

const thrown = (name: string, status: number | undefined, message = "words", more: object = {}) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status }, ...more })

describe("a failure", () => {
  it("may pass, unless the request, the permission or the bucket is wrong", () => {
    for (const [name, status] of [
      ["InternalError", 500],
      ["SlowDown", 503],
      ["ServiceUnavailable", 503],
      ["RequestTimeout", 400],
      ["RequestTimeTooSkewed", 403],
      ["ExpiredToken", 400],
      ["TooManyRequests", 429],
      ["ConditionalRequestConflict", 409],
      ["TimeoutError", undefined],
      ["Error", undefined]
    ] as const) {
      expect([name, failures.of("fill", undefined, thrown(name, status)).retryable]).toEqual([name, true])
    }
    for (const [name, status] of [
      ["NoSuchBucket", 404],
      ["AccessDenied", 403],
      ["InvalidAccessKeyId", 403],
      ["SignatureDoesNotMatch", 403],
      ["PermanentRedirect", 301],
      ["EntityTooLarge", 400],
      ["NotImplemented", 400],
      ["CredentialsProviderError", undefined]
    ] as const) {
      expect([name, failures.of("fill", undefined, thrown(name, status)).retryable]).toEqual([name, false])
    }
  })

  it("of a condition tells 412, 404 and 409 apart, also in the copy", () => {
    const cases = [
      { error: thrown("PreconditionFailed", 412), overtaken: true, conflict: false, missing: false },
      { error: thrown("NoSuchKey", 404), overtaken: true, conflict: false, missing: true },
      { error: thrown("NoSuchBucket", 404), overtaken: false, conflict: false, missing: false },
      { error: thrown("ConditionalRequestConflict", 409), overtaken: false, conflict: true, missing: false },
      { error: thrown("InternalError", 500), overtaken: false, conflict: false, missing: false },
      { error: undefined, overtaken: false, conflict: false, missing: false }
    ]
    for (const { conflict, error, missing, overtaken } of cases) {
      for (const each of [error, failures.of("put", undefined, error).cause]) {
        expect([isOvertaken(each), isConflict(each), isMissing(each)]).toEqual([overtaken, conflict, missing])
      }
    }
  })

  it("tells whether the client sent the request before, also in the copy", () => {
    for (const [attempts, repeated] of [
      [1, false],
      [2, true],
      [undefined, false]
    ] as const) {
      const error = thrown("PreconditionFailed", 412, "words", { $metadata: { httpStatusCode: 412, attempts } })
      for (const each of [error, failures.of("put", undefined, error).cause]) expect(isRepeated(each)).toBe(repeated)
    }
  })

  it("shows nothing that the client hung on it", () => {
    const more = { $response: { headers: { authorization: "a secret" } }, AWSAccessKeyId: "a secret" }
    const error = failures.of("fill", undefined, thrown("InvalidAccessKeyId", 403, "The key does not exist.", more))
    expect(error.message).toBe("InvalidAccessKeyId: The key does not exist.")
    expect(error.cause).toMatchObject({ name: "InvalidAccessKeyId", status: 403 })
    expect(JSON.stringify([error, error.cause, { ...(error.cause as object) }, error.stack])).not.toContain("secret")
  })

  it("has a message for an error without one", () => {
    expect(failures.of("keys", undefined, undefined).message).toBe("the connection was lost")
    expect(failures.of("keys", undefined, thrown("TimeoutError", undefined, "")).message).toBe("TimeoutError")
    expect(
      failures.of("keys", undefined, Object.assign(new Error("refused"), { code: "ECONNREFUSED" })).cause
    ).toMatchObject({
      code: "ECONNREFUSED"
    })
  })
})

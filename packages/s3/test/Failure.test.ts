import { verdictOf } from "@cache-locking/conformance-kit/testing"
import { describe, expect, it } from "vitest"
import { failures, isConflict, isMissing, isOvertaken, isRepeated } from "../src/Failure.ts"

const thrown = (name: string, status: number | undefined, message = "words", more: object = {}) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status }, ...more })

describe("a failure", () => {
  it.each([
    ["InternalError", 500, "passes"],
    ["ServiceUnavailable", 503, "passes"],
    ["BadGateway", 502, "passes"],
    ["RequestTimeout", 400, "passes"],
    ["RequestTimeTooSkewed", 403, "passes"],
    ["ExpiredToken", 400, "passes"],
    ["ExpiredTokenException", 400, "passes"],
    ["TemporaryRedirect", 307, "passes"],
    ["KMS.InternalException", 500, "passes"],
    ["TimeoutError", undefined, "passes"],
    ["Error", undefined, "passes"],
    ["SlowDown", 503, "throttled"],
    ["TooManyRequests", 429, "throttled"],
    ["Unknown", 429, "throttled"],
    ["ThrottlingException", 400, "throttled"],
    ["KMS.ThrottlingException", 400, "throttled"],
    ["RequestLimitExceeded", 400, "throttled"],
    ["BandwidthLimitExceeded", 503, "throttled"],
    ["OperationAborted", 409, "throttled"],
    ["ConditionalRequestConflict", 409, "throttled"],
    ["NoSuchBucket", 404, "final"],
    ["AccessDenied", 403, "final"],
    ["InvalidAccessKeyId", 403, "final"],
    ["SignatureDoesNotMatch", 403, "final"],
    ["PermanentRedirect", 301, "final"],
    ["EntityTooLarge", 400, "final"],
    ["NotImplemented", 501, "final"],
    ["HttpVersionNotSupported", 505, "final"],
    ["KMS.DisabledException", 400, "final"],
    ["CredentialsProviderError", undefined, "final"]
  ] as const)("%s (%s): %s", (name, status, verdict) => {
    expect(verdictOf(failures.of("fill", undefined, thrown(name, status)))).toBe(verdict)
  })

  it("names the remedy where the store does not", () => {
    const messageOf = (name: string, status: number, words: string) =>
      failures.of("read", undefined, thrown(name, status, words)).message
    expect(messageOf("AccessDenied", 403, "Access Denied")).toContain("s3:ListBucket")
    // A HEAD has no body, so no words.
    expect(messageOf("403", 403, "UnknownError")).toContain("s3:ListBucket")
    expect(messageOf("PermanentRedirect", 301, "The bucket you are attempting to access …")).toContain("region")
    for (const [name, status, words] of [
      ["InvalidArgument", 400, "Unsupported header 'x-amz-checksum-crc32' received for this API call."],
      ["NotImplemented", 501, "Header 'x-amz-sdk-checksum-algorithm' with value 'CRC32' not implemented"],
      ["NotImplemented", 501, "STREAMING-UNSIGNED-PAYLOAD-TRAILER not implemented"],
      ["XAmzContentSHA256Mismatch", 400, "UnknownError"]
    ] as const) {
      expect(messageOf(name, status, words)).toContain('requestChecksumCalculation: "WHEN_REQUIRED"')
    }
    for (const [name, status] of [
      ["SignatureDoesNotMatch", 403],
      ["NoSuchBucket", 404],
      ["InvalidAccessKeyId", 403],
      ["NotImplemented", 501]
    ] as const) {
      expect(messageOf(name, status, "its own words")).toBe(`${name}: its own words`)
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

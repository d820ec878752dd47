import { verdictOf } from "@cache-locking/conformance-kit/testing"
import { describe, expect, it } from "vitest"
import { failures } from "../src/Failure.ts"

const failure = (message: string) => failures.of("fill", "k", new Error(message))

describe("a failure", () => {
  it("of a key that was written too often passes after as long as KV makes writers wait", () => {
    expect(failure("KV PUT failed: 429 Too Many Requests").retryAfter).toBe(1_000)
  })

  it("may pass, unless the request is wrong", () => {
    for (const message of [
      "KV GET failed: 500 Internal Server Error",
      "KV GET failed: 408 Request Timeout",
      "Network connection lost.",
      "fetch failed"
    ]) {
      expect([message, verdictOf(failure(message))]).toEqual([message, "passes"])
    }
    for (const message of [
      "KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.",
      "KV PUT failed: 400 Invalid expiration_ttl of 5. Expiration TTL must be at least 60.",
      "KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
      "KV PUT failed: 403 Forbidden"
    ]) {
      expect([message, verdictOf(failure(message))]).toEqual([message, "final"])
    }
  })

  it("shows no property of the thrown error, and has a message for an error without one", () => {
    const error = failures.of("put", "k", Object.assign(new Error("KV PUT failed: 500"), { value: "a secret" }))
    expect(JSON.stringify([error, error.cause, { ...(error.cause as object) }])).not.toContain("secret")
    expect(failures.of("read", "k", undefined).message).toBe("KV did not answer")
    expect(failure("").message).toBe("KV did not answer")
  })
})

import { verdictOf } from "@cache-locking/conformance-kit/testing"
import { AdapterError } from "@cache-locking/core"
import { describe, expect, it } from "vitest"
import { failures, refused } from "../src/Failure.ts"
import { status } from "../src/Requests.ts"

describe("a failure", () => {
  it("of the connection may pass", () => {
    const error = failures.of(
      "fill",
      "k",
      Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" })
    )
    expect(error).toBeInstanceOf(AdapterError)
    expect(error).toMatchObject({
      adapter: "memcached",
      operation: "fill",
      key: "k",
      reason: "Unavailable",
      retryable: true,
      message: "connect ECONNREFUSED 127.0.0.1:1",
      cause: { code: "ECONNREFUSED" }
    })
    expect(failures.of("read", "k", undefined)).toMatchObject({ retryable: true })
    expect(failures.of("read", "k", Object.assign(new Error(""), { code: "ECONNRESET" })).message).toBe("ECONNRESET")
  })

  it("keeps nothing that hangs on the client's error", () => {
    const { cause } = failures.of("fill", "k", Object.assign(new Error("why"), { request: "a secret" }))
    expect(Object.keys(cause as object)).toEqual([])
  })

  it.each([
    [status.notStored, "passes"],
    [status.outOfMemory, "passes"],
    [0x84, "passes"],
    [status.busy, "throttled"],
    [status.temporary, "throttled"],
    [status.tooLarge, "final"],
    [status.invalid, "final"],
    [status.authentication, "final"],
    [status.unknown, "final"]
  ] as const)("with the status %s: %s", (code, verdict) => expect(verdictOf(refused("put", "k", code))).toBe(verdict))

  it("of the credentials does not pass", () => {
    expect(failures.of("put", "k", "Memcached server authentication failed!")).toMatchObject({ reason: "Rejected" })
  })

  it("has words for each status", () => {
    expect(refused("put", "k", 0x87).message).toBe("the server answered with status 0x87")
    expect(refused("put", "k", status.busy).message).toBe("the server is busy")
  })
})

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

  it("of the request does not pass", () => {
    for (const code of [status.tooLarge, status.invalid, status.authentication, status.unknown]) {
      expect(refused("put", "k", code)).toMatchObject({ reason: "Rejected", retryable: false })
    }
    expect(failures.of("put", "k", "Memcached server authentication failed!")).toMatchObject({ reason: "Rejected" })
  })

  it("of the server may pass", () => {
    for (const code of [status.outOfMemory, 0x84, 0x85, 0x86]) {
      expect(refused("put", "k", code)).toMatchObject({ reason: "Unavailable" })
    }
    expect(refused("put", "k", 0x86).message).toBe("the server answered with status 0x86")
  })
})

import { verdictOf } from "@cache-locking/conformance-kit/testing"
import {
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError
} from "mongodb"
import { describe, expect, it } from "vitest"
import { failures, isLostUpsert } from "../src/Failure.ts"

const server = (code: number, message: string, codeName?: string) =>
  new MongoServerError({ ok: 0, code, errmsg: message, ...(codeName && { codeName }), errInfo: { secret: "a secret" } })

/** As a server labels what it refuses because it has too much to do. */
const overloaded = new MongoServerError({ ok: 0, errmsg: "too much to do", errorLabels: ["SystemOverloadedError"] })

const failure = (error: unknown) => failures.of("fill", "k", error)

describe("a failure", () => {
  it.each([
    [server(10_107, "not primary", "NotWritablePrimary"), "passes"],
    [server(91, "The server is in quiesce mode", "ShutdownInProgress"), "passes"],
    [server(50, "operation exceeded time limit", "MaxTimeMSExpired"), "passes"],
    [server(64, "waiting for replication timed out", "WriteConcernFailed"), "passes"],
    [server(14_031, "out of disk space", "OutOfDiskSpace"), "passes"],
    [new MongoNetworkError("connection 3 to 127.0.0.1:27017 closed"), "passes"],
    [new MongoServerSelectionError("connect ECONNREFUSED 127.0.0.1:1", {} as never), "passes"],
    ["what is no error", "passes"],
    [undefined, "passes"],
    [server(112, "Write conflict", "WriteConflict"), "throttled"],
    [server(24, "lock timeout", "LockTimeout"), "throttled"],
    [server(16_500, "Request rate is large"), "throttled"],
    [server(462, "too many", "IngressRequestRateLimitExceeded"), "throttled"],
    [overloaded, "throttled"],
    [server(13, "not authorized on app to execute command", "Unauthorized"), "final"],
    [server(18, "Authentication failed.", "AuthenticationFailed"), "final"],
    [server(121, "Document failed validation", "DocumentValidationFailure"), "final"],
    [server(10_334, "BSONObj size: 17000000 is invalid", "BSONObjectTooLarge"), "final"],
    [server(17_419, "Resulting document after update is larger than 16777216"), "final"],
    [server(59, "no such command: 'findAndModify'", "CommandNotFound"), "final"],
    [server(166, "Namespace app.cache is a view", "CommandNotSupportedOnView"), "final"],
    [new MongoInvalidArgumentError("Argument must be an object"), "final"],
    // Its owner closed the client.
    [new MongoNotConnectedError("Client must be connected before running operations"), "final"],
    [new MongoTopologyClosedError("Topology is closed"), "final"]
  ] as const)("%s: %s", (error, verdict) => expect(verdictOf(failure(error))).toBe(verdict))

  it("shows neither the sent command nor the driver's properties", () => {
    const said =
      'not authorized on app to execute command { findAndModify: "cache", query: { _id: "k" }, update: [ "a secret" ] }'
    const error = failure(server(13, said, "Unauthorized"))
    expect(error.message).toBe("Unauthorized: not authorized on app to execute command")
    expect(error.cause).toMatchObject({ message: error.message, code: 13, name: "MongoServerError" })
    expect(JSON.stringify([error, error.cause, { ...(error.cause as object) }, error.stack])).not.toContain("secret")
  })

  it("shows no quotation, however it is quoted", () => {
    for (const quoted of ['"a secret"', "'a secret'", "`a secret`", "{ a: secret }"]) {
      expect(failure(server(2, `cannot take ${quoted}`)).message).toBe("cannot take")
    }
    expect(failure(server(2, "the server can't do it")).message).toBe("the server can't do it")
    expect(failure(server(2, "{ a: secret }", "BadValue")).message).toBe("BadValue")
    expect(failure(undefined).message).toBe("the connection was lost")
  })

  it("is itself when it is one of ours", () => {
    const error = failure(undefined)
    expect(failures.of("read", "other", error)).toBe(error)
  })

  it("of a lost race to make a document is known, on each engine", () => {
    expect(isLostUpsert(server(11_000, "E11000 duplicate key error"))).toBe(true)
    expect(isLostUpsert(server(9, "The $$NOW operator cannot be used within this specific context."))).toBe(true)
    expect(isLostUpsert(server(9, "unknown operator"))).toBe(false)
    expect(isLostUpsert(new MongoNetworkError("closed"))).toBe(false)
  })
})

import {
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError
} from "mongodb"
import { describe, expect, it } from "vitest"
import { failures, isLostUpsert } from "../src/Failure.ts"

const server = (code: number, message: string, codeName?: string) =>
  new MongoServerError({ ok: 0, code, errmsg: message, ...(codeName && { codeName }), errInfo: { secret: "a secret" } })

const failure = (error: unknown) => failures.of("fill", "k", error)

describe("a failure", () => {
  it("may pass, unless the request, the permission or the data is wrong", () => {
    for (const error of [
      server(10_107, "not primary", "NotWritablePrimary"),
      server(91, "The server is in quiesce mode", "ShutdownInProgress"),
      server(50, "operation exceeded time limit", "MaxTimeMSExpired"),
      server(64, "waiting for replication timed out", "WriteConcernFailed"),
      server(112, "Write conflict", "WriteConflict"),
      server(14_031, "out of disk space", "OutOfDiskSpace"),
      new MongoNetworkError("connection 3 to 127.0.0.1:27017 closed"),
      new MongoNotConnectedError("Client must be connected before running operations"),
      new MongoServerSelectionError("connect ECONNREFUSED 127.0.0.1:1", {} as never),
      "what is no error",
      undefined
    ]) {
      expect([String(error), failure(error).reason]).toEqual([String(error), "Unavailable"])
    }
    for (const error of [
      server(13, "not authorized on app to execute command", "Unauthorized"),
      server(18, "Authentication failed.", "AuthenticationFailed"),
      server(121, "Document failed validation", "DocumentValidationFailure"),
      server(10_334, "BSONObj size: 17000000 is invalid", "BSONObjectTooLarge"),
      server(17_419, "Resulting document after update is larger than 16777216"),
      server(59, "no such command: 'findAndModify'", "CommandNotFound"),
      server(166, "Namespace app.cache is a view", "CommandNotSupportedOnView"),
      new MongoInvalidArgumentError("Argument must be an object")
    ]) {
      expect([String(error), failure(error).retryable]).toEqual([String(error), false])
    }
  })

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

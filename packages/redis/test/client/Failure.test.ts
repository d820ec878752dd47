import { describe, expect, it } from "vitest"
import { failures } from "../../src/client/Failure.ts"

const failure = (message: string, more: object = {}) =>
  failures.of("fill", "k", Object.assign(new Error(message), more))

describe("a failure", () => {
  it("may pass, unless the request, the permission or the data is wrong", () => {
    for (const message of [
      "READONLY You can't write against a read only replica.",
      "LOADING Redis is loading the dataset in memory",
      "CLUSTERDOWN Hash slot not served",
      "TRYAGAIN Multiple keys request during rehashing of slot",
      "OOM command not allowed when used memory > 'maxmemory'.",
      "BUSY Redis is busy running a script.",
      "MASTERDOWN Link with MASTER is down",
      "MISCONF Redis is configured to save RDB snapshots",
      "ERR max number of clients reached",
      "Connection is closed.",
      "connect ECONNREFUSED 127.0.0.1:6379"
    ]) {
      expect([message, failure(message).retryable]).toEqual([message, true])
    }
    for (const message of [
      "WRONGTYPE Operation against a key holding the wrong kind of value",
      "NOPERM User mute has no permissions to run the 'evalsha' command",
      "NOAUTH Authentication required.",
      "WRONGPASS invalid username-password pair or user is disabled.",
      "ERR unknown command 'EVALSHA'"
    ]) {
      expect([message, failure(message).retryable]).toEqual([message, false])
    }
  })

  it("shows neither what was sent nor what the client hung on it", () => {
    const error = failure("ERR unknown command 'EVALSHA', with args beginning with: 'sha' '2' 'k' 'a secret'", {
      command: { name: "evalsha", args: ["a secret"] },
      code: "ERR"
    })
    expect(error.message).toBe("ERR unknown command 'EVALSHA'")
    expect(error.cause).toMatchObject({ message: "ERR unknown command 'EVALSHA'", code: "ERR" })
    expect(JSON.stringify([error, error.cause, { ...(error.cause as object) }, error.stack])).not.toContain("secret")
  })

  it("has a message for an error without one", () => {
    expect(failures.of("watch", "k", undefined).message).toBe("the connection was lost")
    expect(failure("", { code: "ECONNREFUSED" }).message).toBe("ECONNREFUSED")
  })
})

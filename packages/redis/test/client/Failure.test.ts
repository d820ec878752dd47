import { verdictOf } from "@cache-locking/conformance-kit/testing"
import { describe, expect, it } from "vitest"
import { failures, isReadOnly } from "../../src/client/Failure.ts"

const failure = (message: string, more: object = {}) =>
  failures.of("fill", "k", Object.assign(new Error(message), more))

/** What a server of version 6.2 says where a script met an error, by where the error came from. */
const inScript62 = (words: string) =>
  `ERR Error running script (call to f_${"5e".repeat(20)}): @user_script:19: ${words}`

describe("a failure", () => {
  it.each([
    ["READONLY You can't write against a read only replica.", "passes"],
    ["LOADING Redis is loading the dataset in memory", "passes"],
    ["CLUSTERDOWN Hash slot not served", "passes"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "passes"],
    ["BUSY Redis is busy running a script.", "passes"],
    ["MASTERDOWN Link with MASTER is down", "passes"],
    ["MISCONF Redis is configured to save RDB snapshots", "passes"],
    ["NOREPLICAS Not enough good replicas to write.", "passes"],
    ["ERR max number of clients reached", "passes"],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "passes"],
    ["Connection is closed.", "passes"],
    ["connect ECONNREFUSED 127.0.0.1:6379", "passes"],
    ["TRYAGAIN Multiple keys request during rehashing of slot", "throttled"],
    ["NOPERM User mute has no permissions to run the 'evalsha' command", "final"],
    ["NOAUTH Authentication required.", "final"],
    ["WRONGPASS invalid username-password pair or user is disabled.", "final"],
    ["DENIED Redis is running in protected mode because protected mode is enabled", "final"],
    ["CROSSSLOT Keys in request don't hash to the same slot", "final"],
    ["ERR unknown command 'EVALSHA'", "final"],
    // Redis 7, from a script
    ["READONLY You can't write against a read only replica. script: 5e5e, on @user_script:19.", "passes"],
    ["ERR user_script:19: attempt to compare number with nil script: 5e5e, on @user_script:19.", "final"],
    // Redis 6.2, from a script: the server's own refusal of a command, and a command's own error
    [inScript62("@user_script: 19: -READONLY You can't write against a read only replica."), "passes"],
    [inScript62("@user_script: 19: -OOM command not allowed when used memory > 'maxmemory'."), "passes"],
    [inScript62("@user_script: 19: -MISCONF Redis is configured to save RDB snapshots"), "passes"],
    [inScript62("@user_script: 19: -NOREPLICAS Not enough good replicas to write."), "passes"],
    [inScript62("WRONGTYPE Operation against a key holding the wrong kind of value"), "passes"],
    [inScript62("@user_script: 19: Unknown Redis command called from Lua script"), "final"],
    [inScript62("ERR value is not an integer or out of range"), "final"],
    [inScript62("user_script:19: attempt to compare number with nil"), "final"]
  ])("%s: %s", (message, verdict) => expect(verdictOf(failure(message))).toBe(verdict))

  it("of a server that takes no writes is known, in the words of each version", () => {
    const words = "READONLY You can't write against a read only replica."
    for (const message of [
      words,
      `${words} script: 5e5e, on @user_script:19.`,
      inScript62(`@user_script: 19: -${words}`)
    ]) {
      expect(isReadOnly(new Error(message))).toBe(true)
    }
    for (const other of [new Error("ERR READONLY"), new Error("LOADING"), undefined])
      expect(isReadOnly(other)).toBe(false)
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

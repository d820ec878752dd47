import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { EarlyExit, parse } from "../src/cli/Arguments.ts"

/** The answer to arguments that run nothing. */
const answer = (...args: ReadonlyArray<string>): EarlyExit => {
  try {
    parse(args, {})
  } catch (error) {
    if (error instanceof EarlyExit) return error
    throw error
  }
  throw new Error("the arguments were accepted")
}

describe("the arguments", () => {
  it("have defaults that need no server", () => {
    expect(parse([], {})).toEqual({
      scenario: "cold",
      store: "memory",
      url: undefined,
      processes: 4,
      callers: 250,
      keys: ["product:1"],
      load: 200,
      capacity: Number.POSITIVE_INFINITY,
      spread: 0,
      lease: 15_000,
      swr: 30_000,
      cooldown: 500,
      kill: false,
      report: join(tmpdir(), "stampede-report.html"),
      json: false,
      check: false
    })
  })

  it("are read in the units that people write", () => {
    expect(parse(["--load", "1.5s"], {}).load).toBe(1500)
    expect(parse(["--load", "250ms"], {}).load).toBe(250)
    expect(parse(["--load", "250"], {}).load).toBe(250)
    expect(parse(["--lease", "2m"], {}).lease).toBe(120_000)
  })

  it("take keys by number and by name", () => {
    expect(parse(["--keys", "3"], {}).keys).toEqual(["product:1", "product:2", "product:3"])
    expect(parse(["--keys", "user:1, <b>"], {}).keys).toEqual(["user:1", "<b>"])
  })

  it("choose a shorter lease for a kill", () => {
    expect(parse(["--kill"], {}).lease).toBe(1_000)
    expect(parse(["--kill", "--lease", "400ms"], {}).lease).toBe(400)
  })

  it("know a store by its URL, and a URL by the environment", () => {
    expect(parse(["--url", "redis://host:1234"], {})).toMatchObject({ store: "redis", url: "redis://host:1234" })
    expect(parse(["--store", "redis"], { REDIS_URL: "redis://env" })).toMatchObject({
      store: "redis",
      url: "redis://env"
    })
    expect(parse([], { REDIS_URL: "redis://env" })).toMatchObject({ store: "memory", url: undefined })
    expect(parse(["--store", "redis", "--url", "redis://given"], { REDIS_URL: "redis://env" }).url).toBe(
      "redis://given"
    )
  })

  it("draw no picture for machines, unless asked", () => {
    expect(parse(["--json"], {}).report).toBeUndefined()
    expect(parse(["--check"], {}).report).toBeUndefined()
    expect(parse(["--no-report"], {}).report).toBeUndefined()
    expect(parse(["--json", "--report", join(tmpdir(), "a.svg")], {}).report).toBe(join(tmpdir(), "a.svg"))
  })

  it("answer --help with every scenario and store", () => {
    const help = answer("--help")
    expect(help.exitCode).toBe(0)
    for (const word of ["cold", "expiry", "early", "failing", "delete", "tiers", "memory", "redis", "--kill"])
      expect(help.message).toContain(word)
  })
})

describe("arguments that cannot be used", () => {
  it.each([
    [["--processes", "0"], "--processes", "0", "from 1 to 32"],
    [["--processes", "1.5"], "--processes", "1.5", "from 1 to 32"],
    [["--callers", "many"], "--callers", "many", "from 1 to 10000"],
    [["--keys", "0"], "--keys", "0", "from 1 to 50"],
    [["--keys", "a,,b"], "--keys", "a,,b", "separated by commas"],
    [["--keys", "a,a"], "--keys", "a,a", "different names"],
    [["--load", "-5ms"], "--load", "-5ms", "such as 200ms"],
    [["--load", "2h"], "--load", "2h", "such as 200ms"],
    [["--lease", "1ms"], "--lease", "1ms", "from 50ms"],
    [["--capacity", "0"], "--capacity", "0", "from 1"],
    [["--store", "floppy"], "--store", "floppy", "memory, redis"],
    [["--scenario", "warm"], "--scenario", "warm", "cold, expiry, early, failing, delete, tiers"],
    [["--url", "http://example.org"], "--url", "http://example.org", "redis://…"],
    [["--url", "nonsense"], "--url", "nonsense", "redis://…"],
    [["--store", "memory", "--url", "redis://h"], "--url", "redis://…", "with --store memory, no URL"],
    [["--report", "picture.png"], "--report", "picture.png", ".html or .svg"],
    [["--report", "/no/such/directory/a.html"], "--report", "/no/such/directory/a.html", "a writable directory"],
    [["--kill", "--scenario", "delete"], "--scenario", "delete", "with --kill, cold"],
    [["--swr", "5s"], "--scenario", "cold", "with --swr, expiry"],
    [["--cooldown", "5s"], "--scenario", "cold", "with --cooldown, failing"],
    [["--kill", "--processes", "1"], "--processes", "1", "at least 2"],
    [["--keys", "3", "--callers", "2"], "--keys", "3", "at most one per caller"]
  ])("%j names the option, the value and what is accepted", (args, option, value, accepted) => {
    const { exitCode, message } = answer(...args)
    expect(exitCode).toBe(2)
    expect(message).toContain(`'${option}`)
    expect(message).toContain(`'${value}'`)
    expect(message).toContain(accepted)
  })

  it("are named when they are unknown", () => {
    expect(answer("--procesess", "3")).toMatchObject({ exitCode: 2 })
    expect(answer("--procesess", "3").message).toContain("--processes")
    expect(answer("run").message).toContain("too many arguments")
  })

  it("never show a password", () => {
    expect(answer("--url", "http://user:secret@host").message).not.toContain("secret")
    expect(answer("--store", "memory", "--url", "redis://user:secret@host").message).not.toContain("secret")
  })
})

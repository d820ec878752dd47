import { describe, expect, it } from "vitest"
import { poll } from "../src/machine/Poll.ts"
import { Redis } from "../src/redis/Redis.ts"
import { RespClient } from "../src/redis/Resp.ts"
import { orSkip, runFixture } from "./fixtures/Support.ts"

const main = "../../src/main.ts"

describe("the command line", () => {
  it("starts what it is told, prints the variables, and stops at Ctrl-C", async (context) => {
    await (await orSkip(context, Redis.start({ own: true }))).stop()
    const { child, ended, output } = runFixture(main, ["redis"], { REDIS_URL: "" })
    const url = await poll(() => /^export REDIS_URL='(.*?)' # redis/m.exec(output())?.[1], {
      what: "the variable"
    })
    expect(await RespClient.once(url, "PING")).toBe("PONG")
    child.kill("SIGINT")
    expect(await ended).toBe(0)
    await expect(RespClient.once(url, "PING")).rejects.toMatchObject({ code: "ECONNREFUSED" })
  })

  it("tells how it is used", async () => {
    expect(await runFixture(main).ended).toBe(2)
    expect(await runFixture(main, ["redis", "oracle"]).ended).toBe(2)
  })

  it("ends with 1 when nothing was to be had", async () => {
    expect(await runFixture(main, ["redis"], { REDIS_URL: "redis://127.0.0.1:1" }).ended).toBe(1)
  })
})

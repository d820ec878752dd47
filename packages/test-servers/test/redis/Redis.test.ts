import { Redis as Client } from "ioredis"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { poll } from "../../src/machine/Poll.ts"
import { NotControllable, orUnavailable, ServerFailed, Unavailable } from "../../src/machine/Problem.ts"
import type { Server } from "../../src/machine/Server.ts"
import { Redis } from "../../src/redis/Redis.ts"
import { RespClient, RespError } from "../../src/redis/Resp.ts"
import { Valkey } from "../../src/redis/Valkey.ts"
import { isAlive, orSkip } from "../fixtures/Support.ts"

describe.each([Redis, Valkey])("$kind", (kind) => {
  // Bringing it to the machine may take a while; starting it may not.
  beforeAll(async () => {
    const first = await orUnavailable(kind.start({ own: true }))
    if (!(first instanceof Unavailable)) await first.stop()
  })

  it("starts and answers an ordinary client", async (context) => {
    await using server = await orSkip(context, kind.start({ own: true }))
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`)
    expect(server.origin.version).toMatch(/^\d+\.\d+/)
    expect(["path", "installed", "unpacked"]).toContain(server.origin.how)
    const client = new Client(server.url)
    try {
      expect(await client.ping()).toBe("PONG")
      expect(await client.config("GET", "bind")).toEqual(["bind", "127.0.0.1"])
      expect(await client.config("GET", "save")).toEqual(["save", ""])
    } finally {
      client.disconnect()
    }
  })

  it("answers nothing while paused, and then all", async (context) => {
    await using server = await orSkip(context, kind.start({ own: true }))
    await using client = await RespClient.connect(server.url)
    await client.send("PING")
    await server.pause()
    const answers: Array<unknown> = []
    const late = client.send("PING").then((reply) => answers.push(reply))
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(answers).toEqual([])
    await server.resume()
    await late
    expect(answers).toEqual(["PONG"])
  })

  it("is gone after kill, and back and empty after restart", async (context) => {
    await using server = await orSkip(context, kind.start({ own: true }))
    await RespClient.once(server.url, "SET", "a", 1)
    await server.kill()
    expect(server.pid).toBeUndefined()
    await expect(RespClient.once(server.url, "PING")).rejects.toMatchObject({ code: "ECONNREFUSED" })
    await server.restart()
    expect(await RespClient.once(server.url, "DBSIZE")).toBe(0)
    await RespClient.once(server.url, "SET", "a", 1)
    await server.restart()
    expect(await RespClient.once(server.url, "DBSIZE")).toBe(0)
  })

  it("can be killed and stopped while paused", async (context) => {
    await using server = await orSkip(context, kind.start({ own: true }))
    await server.pause()
    await server.kill()
    await server.restart()
    const pid = server.pid ?? 0
    await server.pause()
    await server.stop()
    expect(isAlive(pid)).toBe(false)
  })
})

describe("a server of the environment", () => {
  let real: Server | Unavailable

  beforeAll(async () => {
    real = await orUnavailable(Redis.start({ own: true }))
  })

  afterAll(async () => {
    if (!(real instanceof Unavailable)) await real.stop()
    vi.unstubAllEnvs()
  })

  it("is used, and not ours to control", async (context) => {
    if (real instanceof Unavailable) return context.skip(real.message)
    vi.stubEnv("REDIS_URL", `${real.url}/3`)
    const given = await Redis.start()
    expect(given).toMatchObject({ url: `${real.url}/3`, port: real.port, controllable: false })
    expect(given.origin).toEqual({ how: "environment", version: real.origin.version })
    for (const operation of ["kill", "pause", "resume", "restart"] as const) {
      await expect(given[operation]()).rejects.toBeInstanceOf(NotControllable)
    }
    await given.stop()
    expect(await RespClient.once(real.url, "PING")).toBe("PONG")
  })

  it("is unavailable, with the reason, if nothing answers there", async () => {
    vi.stubEnv("REDIS_URL", "redis://127.0.0.1:1")
    const answer = await orUnavailable(Redis.start())
    expect(answer).toBeInstanceOf(Unavailable)
    expect(answer).toMatchObject({ kind: "redis", reason: expect.stringContaining("REDIS_URL is set") })
  })

  it("is authenticated with the password of its URL", async (context) => {
    await using locked = await orSkip(context, Redis.start({ own: true }))
    await RespClient.once(locked.url, "ACL", "SETUSER", "me", "on", ">s:cret", "~*", "+@all")
    await using client = await RespClient.connect(locked.url.replace("//", "//me:s%3Acret@"))
    expect(await client.send("ACL", "WHOAMI")).toBe("me")
    await expect(RespClient.connect(locked.url.replace("//", "//me:wrong@"))).rejects.toBeInstanceOf(RespError)
  })
})

describe("a server that does not come up", () => {
  it("fails with what it printed", async (context) => {
    const start = orSkip(context, Redis.start({ own: true, args: ["--no-such-option", "1"] }))
    await expect(start).rejects.toBeInstanceOf(ServerFailed)
    await expect(start).rejects.toMatchObject({ log: expect.stringContaining("no-such-option") })
  })

  it("does not take another's answer for its own", async (context) => {
    await using first = await orSkip(context, Redis.start({ own: true }))
    await expect(Redis.start({ own: true, port: first.port })).rejects.toBeInstanceOf(ServerFailed)
  })
})

describe("poll", () => {
  it("gives up in time, with the last error as the cause", async () => {
    const cause = new Error("not yet")
    const waiting = poll(() => Promise.reject(cause), { what: "the impossible", within: 30 })
    await expect(waiting).rejects.toMatchObject({ message: expect.stringContaining("the impossible"), cause })
  })
})

import { Redis as Client } from "ioredis"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { poll } from "../../src/machine/Poll.ts"
import { NotControllable, orUnavailable, Unavailable } from "../../src/machine/Problem.ts"
import { parseSentinelUrl, RedisSentinel } from "../../src/redis/RedisSentinel.ts"
import { RespClient } from "../../src/redis/Resp.ts"

let sentinel: RedisSentinel | Unavailable

beforeAll(async () => {
  sentinel = await orUnavailable(RedisSentinel.start({ own: true }))
})

afterAll(async () => {
  if (!(sentinel instanceof Unavailable)) await sentinel.stop()
  vi.unstubAllEnvs()
})

describe("RedisSentinel", () => {
  it("is used when the environment gives it, and not ours to control", async (context) => {
    if (sentinel instanceof Unavailable) return context.skip(sentinel.message)
    const plain = sentinel.sentinels.map(({ host, port }) => `redis://${host}:${port}`).join(",")
    for (const url of [sentinel.url, plain]) {
      vi.stubEnv("REDIS_SENTINEL_URL", url)
      const given = await RedisSentinel.start()
      vi.unstubAllEnvs()
      expect(given).toMatchObject({ url, controllable: false, sentinels: sentinel.sentinels, name: sentinel.name })
      expect(await given.master()).toEqual(await sentinel.master())
      await expect(given.killMaster()).rejects.toBeInstanceOf(NotControllable)
    }
  })

  it("fails over after SIGKILL of the master, and an ordinary client follows", async (context) => {
    if (sentinel instanceof Unavailable) return context.skip(sentinel.message)
    const client = new Client({ sentinels: [...sentinel.sentinels], name: sentinel.name, maxRetriesPerRequest: null })
    client.on("error", () => {})
    try {
      await client.set("before", "1")
      expect(await client.wait(1, 1000)).toBe(1)
      const lost = await sentinel.killMaster()
      expect(lost.pid).toBeUndefined()
      const { port } = await poll(
        async () => {
          const master = await (sentinel as RedisSentinel).master()
          return master.port !== lost.port && master
        },
        { what: "the failover", every: 20 }
      )
      expect(port).toBe(sentinel.nodes.find((node) => node !== lost)?.port)
      await poll(async () => (await client.set("after", "2")) === "OK", { what: "the client" })
      expect(await client.get("before")).toBe("1")
    } finally {
      client.disconnect()
    }
  })

  it("is as new after a restart", async (context) => {
    if (sentinel instanceof Unavailable) return context.skip(sentinel.message)
    await sentinel.restart()
    const [first] = sentinel.nodes
    expect(await sentinel.master()).toEqual({ host: "127.0.0.1", port: first?.port })
    expect(await RespClient.once(first?.url ?? "", "DBSIZE")).toBe(0)
  })
})

describe("the URL of sentinels", () => {
  it("names them and the master", () => {
    expect(parseSentinelUrl("redis-sentinel://a:1,b/main")).toEqual({
      sentinels: [
        { host: "a", port: 1 },
        { host: "b", port: 26_379 }
      ],
      name: "main"
    })
    expect(parseSentinelUrl("redis-sentinel://a:1").name).toBeUndefined()
    expect(parseSentinelUrl("redis://a:1,redis://b:2").sentinels).toEqual([
      { host: "a", port: 1 },
      { host: "b", port: 2 }
    ])
    expect(() => parseSentinelUrl("http://a:1")).toThrow("expected redis-sentinel://")
  })
})

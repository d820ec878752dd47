import { spawn } from "node:child_process"
import { inspect } from "node:util"
import { Adapter, InvalidOption } from "@cache-locking/core"
import { Redis as RedisServer, RespClient, type Server } from "@cache-locking/test-servers"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { ask, ioredis, lifetime, minute, run, value } from "./fixtures/Support.ts"

let server: Server
beforeAll(async () => {
  server = await RedisServer.start({ own: true })
})
afterAll(() => server?.stop())

const connections = async (): Promise<number> => {
  await using client = await RespClient.connect(server.url)
  return Number(await client.info("clients", "connected_clients"))
}

const use = Effect.gen(function* () {
  const adapter = yield* Adapter
  yield* adapter.put("k", { value: value(1), lifetime: lifetime(minute) })
  yield* Effect.scoped(adapter.watch!("k"))
  return (yield* adapter.acquire("k", ask("me")))._tag
})

describe("layer", () => {
  it("closes what the adapter opened, and leaves the client open", async () => {
    const client = ioredis(server.url)
    await client.ping()
    const before = await connections()
    expect(await run(Effect.provide(use, RedisAdapter.layer({ client, prefix: "layer" })))).toBe("Hit")
    await expect.poll(connections).toBe(before)
    expect(await client.ping()).toBe("PONG")
  })

  it("tells of bad options at once", () => {
    expect(() => RedisAdapter.layer({ client: ioredis(server.url), prefix: "{" })).toThrow(InvalidOption)
  })
})

describe("layerConfig", () => {
  const url = () => Config.succeed(Redacted.make(server.url))

  it("makes a client of its own, and closes it", async () => {
    const before = await connections()
    const layer = RedisAdapter.layerConfig({ url: url(), prefix: Config.succeed("config") })
    expect(await run(Effect.provide(use, layer))).toBe("Hit")
    await expect.poll(connections).toBe(before)
    expect(await ioredis(server.url).keys("config*")).toEqual(["config{k}"])
  })

  it("tells of bad configuration as a typed failure", async () => {
    const layer = RedisAdapter.layerConfig({ url: url(), prefix: Config.succeed("{}") })
    const error = await run(Effect.flip(Effect.scoped(Layer.build(layer))))
    expect(error).toBeInstanceOf(InvalidOption)
  })

  it.each(["redis://user:secret@host:notaport", "/tmp/secret.sock", "http://user:secret@host"])(
    "a URL that is none of Redis is a typed failure, and not told: %s",
    async (given) => {
      const layer = RedisAdapter.layerConfig({ url: Config.succeed(Redacted.make(given)) })
      const error = await run(Effect.flip(Effect.scoped(Layer.build(layer))))
      expect(error).toMatchObject({ _tag: "INVALID_OPTION", option: "url" })
      expect(inspect(error, { depth: 9 })).not.toContain("secret")
    }
  )

  it("refuses what is no option", async () => {
    const layer = RedisAdapter.layerConfig({ url: url(), prefx: Config.succeed("p") } as never)
    expect(await run(Effect.flip(Effect.scoped(Layer.build(layer))))).toMatchObject({ option: "prefx" })
  })
})

describe("a process", () => {
  const exits = (name: string) =>
    new Promise<{ code: number | null; took: number; out: string }>((resolve) => {
      const began = performance.now()
      const child = spawn(
        process.execPath,
        [
          "--conditions=cache-locking-source",
          new URL("./fixtures/Exits.ts", import.meta.url).pathname,
          server.url,
          name
        ],
        { stdio: ["ignore", "pipe", "pipe"] }
      )
      let out = ""
      child.stdout.on("data", (data) => {
        out += data
      })
      child.stderr.on("data", (data) => {
        out += data
      })
      child.on("exit", (code) => resolve({ code, took: performance.now() - began, out }))
    })

  it.each(["adapter-then-client", "client-only"])("ends when %s is closed", async (name) => {
    const { code, out, took } = await exits(name)
    expect(out).toBe("done\n")
    expect(code).toBe(0)
    expect(took).toBeLessThan(5_000)
  })
})

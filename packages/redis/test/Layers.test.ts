import { inspect } from "node:util"
import { ask, lifetime, minute, run, value } from "@cache-locking/conformance-kit/testing"
import { Adapter, InvalidOption } from "@cache-locking/core"
import { Redis as RedisServer, RespClient } from "@cache-locking/test-servers"
import { expectToEnd, serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { describe, expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { ioredis } from "./fixtures/Support.ts"

const server = await serverOfFile(RedisServer.start({ own: true }))

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

  it("throws for bad options at once", () => {
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

  it("reports bad configuration as a typed failure", async () => {
    const layer = RedisAdapter.layerConfig({ url: url(), prefix: Config.succeed("{}") })
    const error = await run(Effect.flip(Effect.scoped(Layer.build(layer))))
    expect(error).toBeInstanceOf(InvalidOption)
  })

  it.each(["redis://user:secret@host:notaport", "/tmp/secret.sock", "http://user:secret@host"])(
    "a URL that is not Redis's is a typed failure, and not shown: %s",
    async (given) => {
      const layer = RedisAdapter.layerConfig({ url: Config.succeed(Redacted.make(given)) })
      const error = await run(Effect.flip(Effect.scoped(Layer.build(layer))))
      expect(error).toMatchObject({ _tag: "INVALID_OPTION", option: "url" })
      expect(inspect(error, { depth: 9 })).not.toContain("secret")
    }
  )

  it("refuses unknown options", async () => {
    const layer = RedisAdapter.layerConfig({ url: url(), prefx: Config.succeed("p") } as never)
    expect(await run(Effect.flip(Effect.scoped(Layer.build(layer))))).toMatchObject({ option: "prefx" })
  })
})

describe("a process", () => {
  it.each(["adapter-then-client", "client-only"])("ends when %s is closed", (name) =>
    expectToEnd(new URL("./fixtures/Exits.ts", import.meta.url), server.url, name)
  )
})

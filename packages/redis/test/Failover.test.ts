/** A name that leads to another server after a failover, while the connection to the former primary goes on. */
import { hitOf, lifetime, minute, put, run, until, value, verdictOf } from "@cache-locking/conformance-kit/testing"
import { Adapter } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { Redis as RedisServer } from "@cache-locking/test-servers"
import { proxyTo, serverOfTest } from "@cache-locking/test-servers/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { describe, expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { ioredis, nodeRedis } from "./fixtures/Support.ts"

/** Redis 7 names the script behind an error's words. Redis 6.2 puts them into an error of its own. */
const as62 = (piece: Buffer): Buffer =>
  Buffer.from(
    piece
      .toString("latin1")
      .replace(
        /^-([A-Z]+ [^\r\n]*?) script: (\w+), on @user_script:(\d+)\.\r\n/gm,
        "-ERR Error running script (call to f_$2): @user_script:$3: @user_script: $3: -$1\r\n"
      ),
    "latin1"
  )

/** A name that leads to one server until `failOver`, and then to another, of which the first becomes a replica. */
const named = async (rewrite?: (piece: Buffer) => Buffer) => {
  const servers = [RedisServer.start({ own: true }), RedisServer.start({ own: true })]
  const [first, second] = await Promise.all(servers.map((server) => serverOfTest(server)))
  const target = { host: first!.host, port: first!.port, url: first!.url }
  const name = await proxyTo(target, undefined, rewrite)
  const failOver = async (): Promise<void> => {
    await ioredis(first!.url).replicaof(second!.host, second!.port)
    target.port = second!.port
  }
  return { url: name.url(), failOver }
}

/** Writes until the store takes it, and returns what it said until then. */
const healed = async (adapter: Adapter): Promise<ReadonlyArray<string>> => {
  const said: Array<string> = []
  await until("a store that takes writes", async () => {
    const written = await run(Effect.result(adapter.put("after", { value: value(2), lifetime: lifetime(minute) })))
    if (written._tag === "Success") return true
    expect(verdictOf(written.failure)).toBe("passes")
    said.push(written.failure.message)
    return false
  })
  return said
}

describe.each([
  { version: "7", rewrite: undefined, words: /^READONLY/ },
  { version: "6.2", rewrite: as62, words: /^ERR Error running script .* -READONLY/ }
])("in the words of Redis $version", ({ rewrite, words }) => {
  it("layerConfig's own client connects again, to where the name leads now", async () => {
    const { failOver, url } = await named(rewrite)
    const layer = RedisAdapter.layerConfig({ url: Config.succeed(Redacted.make(url)) })
    const use = Effect.gen(function* () {
      const adapter = yield* Adapter
      yield* Effect.promise(async () => {
        await put(adapter, "before")
        await failOver()
        const said = await healed(adapter)
        expect(said.length).toBeGreaterThan(0)
        expect(said[0]).toMatch(words)
        await hitOf(adapter, "after")
      })
    })
    await run(Effect.provide(use, layer))
  })

  it("a call of a cache does not fail for it: the repeated question waits for the new connection", async () => {
    const { failOver, url } = await named(rewrite)
    const layer = RedisAdapter.layerConfig({ url: Config.succeed(Redacted.make(url)) })
    const use = Effect.gen(function* () {
      const adapter = yield* Adapter
      yield* Effect.promise(async () => {
        const cache = createCache<string>({ adapter, cacheTtl: "1 minute", onAdapterError: "fail" })
        expect(await cache.getOrSet("before", () => "v")).toBe("v")
        await failOver()
        expect(await cache.getOrSet("after", () => "w")).toBe("w")
        expect(await cache.getOrSet("after", () => "never")).toBe("w")
      })
    })
    await run(Effect.provide(use, layer))
  })

  it("so does the user's own ioredis with the option that the README names", async () => {
    const { failOver, url } = await named(rewrite)
    const client = ioredis(url, { reconnectOnError: (error) => error.message.includes("READONLY") })
    const adapter = RedisAdapter.make({ client })
    await put(adapter, "before")
    await failOver()
    expect((await healed(adapter))[0]).toMatch(words)
  })

  it("and the user's own node-redis that is told to leave, as the README shows", async () => {
    const { failOver, url } = await named(rewrite)
    const client = await nodeRedis(url)
    const adapter = RedisAdapter.make({ client })
    await put(adapter, "before")
    await failOver()
    const refused = await run(Effect.flip(adapter.delete("before")))
    expect(refused.message).toMatch(words)
    if (refused.message.includes("READONLY")) await client.sendCommand(["QUIT"])
    await healed(adapter)
  })
})

import { ask, lifetime, minute, run, value } from "@cache-locking/conformance-kit/testing"
import { Adapter, InvalidOption, ListingAdapter, MemoryAdapter } from "@cache-locking/core"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { clientOf, connect, overTable, proxyOf } from "./fixtures/Support.ts"

const table = "layers"
const idle = connect("http://127.0.0.1:1")

const use = Effect.gen(function* () {
  const adapter = yield* Adapter
  yield* adapter.put("k", { value: value(1), lifetime: lifetime(minute) })
  return (yield* adapter.acquire("k", ask("me")))._tag
})

const list = Effect.flatMap(ListingAdapter, (adapter) => Stream.runCollect(adapter.keys("")))

it("bad options throw at once, or are a typed failure", async () => {
  expect(() => DynamoDbAdapter.layer({ client: idle, prefix: "#" })).toThrow(InvalidOption)
  const region = Config.succeed("local")
  const secret = Config.succeed(Redacted.make("hidden"))
  for (const [bad, option] of [
    [{ prefix: Config.succeed("#") }, "prefix"],
    [{ prefixx: Config.succeed("misspelled") }, "prefixx"],
    // The SDK would pass over half of them and look for others.
    [{ accessKeyId: Config.succeed("local") }, "secretAccessKey"],
    [{ secretAccessKey: secret }, "accessKeyId"],
    [{ sessionToken: secret }, "accessKeyId"]
  ] as const) {
    const layer = DynamoDbAdapter.layerConfig({ region, ...bad })
    const error = await run(Effect.flip(Effect.scoped(Layer.build(layer))))
    expect(error).toBeInstanceOf(InvalidOption)
    expect(error).toMatchObject({ option })
    expect(JSON.stringify(error) + String(error)).not.toContain("hidden")
  }
})

it("closes what the leases that it was given have opened, with itself", async () => {
  let closed = 0
  const leases = { ...MemoryAdapter.make(), close: Effect.sync(() => void closed++) }
  expect(DynamoDbAdapter.make({ client: idle, leases }).close).toBe(leases.close)
  await run(Effect.scoped(Layer.build(DynamoDbAdapter.layer({ client: idle, leases }))))
  expect(closed).toBe(1)
})

it("gives a listing adapter exactly where keys can be listed", async () => {
  const { hitUnsafe, keys: _, valueUnsafe, ...blind } = MemoryAdapter.make()
  const services = async (leases: Adapter | undefined) =>
    (await run(Effect.scoped(Layer.build(DynamoDbAdapter.layer({ client: idle, leases }))))).mapUnsafe
  expect([...(await services(undefined)).keys()]).toContain(ListingAdapter.key)
  expect([...(await services(MemoryAdapter.make())).keys()]).toContain(ListingAdapter.key)
  expect([...(await services(blind)).keys()]).not.toContain(ListingAdapter.key)
  expect([...(await services(blind)).keys()]).toContain(Adapter.key)
})

await overTable(table, (server) => {
  it("layer leaves the client open", async () => {
    const client = clientOf(server.url)
    const layer = DynamoDbAdapter.layer({ client, table, prefix: "layer", commandTimeout: "10 seconds" })
    expect(await run(Effect.provide(use, layer))).toBe("Hit")
    expect(await run(Effect.provide(list, layer))).toEqual(["k"])
    expect(await run(Effect.provide(use, layer))).toBe("Hit")
  })

  it("layerConfig makes a client of its own, and closes its connections", async () => {
    const proxy = await proxyOf(server)
    const layer = DynamoDbAdapter.layerConfig({
      endpoint: Config.String("DYNAMODB_URL"),
      region: Config.succeed("local"),
      accessKeyId: Config.succeed("local"),
      secretAccessKey: Config.Redacted("SECRET"),
      sessionToken: Config.Redacted("SESSION"),
      table: Config.succeed(table),
      prefix: Config.succeed("config"),
      commandTimeout: Config.succeed("10 seconds" as const)
    })
    const env = ConfigProvider.fromUnknown({ DYNAMODB_URL: proxy.url(), SECRET: "hidden", SESSION: "a token" })
    const answer = await run(
      Effect.provide(
        Effect.tap(use, () => Effect.sync(() => expect(proxy.stats.open).toBe(1))),
        layer
      ).pipe(Effect.provideService(ConfigProvider.ConfigProvider, env))
    )
    expect(answer).toBe("Hit")
    await expect.poll(() => proxy.stats.open).toBe(0)
  })

  it("layerConfig takes one configuration, too", async () => {
    const config = Config.succeed({
      endpoint: server.url,
      region: "local",
      accessKeyId: "local",
      secretAccessKey: Redacted.make("hidden"),
      table,
      commandTimeout: 10_000
    })
    expect(await run(Effect.provide(use, DynamoDbAdapter.layerConfig(config)))).toBe("Hit")
  })
})

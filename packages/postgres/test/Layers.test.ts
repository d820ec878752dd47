import { inspect } from "node:util"
import { ask, lifetime, minute, run, value } from "@cache-locking/conformance-kit/testing"
import { Adapter, InvalidOption, ListingAdapter } from "@cache-locking/core"
import { Postgres, postgresCommands } from "@cache-locking/test-servers"
import { expectToEnd, proxyTo, serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import postgres from "postgres"
import { afterAll, describe, expect, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { clientOf } from "./fixtures/Support.ts"

const server = await serverOfFile(Postgres.start({ own: true }))
const { url } = server
const eye = postgres(url, { max: 1, onnotice: () => {} })
afterAll(() => eye.end({ timeout: 1 }))

const connections = async (): Promise<number> => {
  const [row] = await eye`select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'`
  return row!["n"]
}

const use = Effect.gen(function* () {
  const adapter = yield* Adapter
  expect(yield* ListingAdapter).toBe(adapter)
  yield* adapter.put("k", { value: value(1), lifetime: lifetime(minute) })
  yield* Effect.scoped(adapter.watch!("k"))
  return (yield* adapter.acquire("k", ask("me")))._tag
})

describe("layer", () => {
  it("closes what the adapter opened, and leaves the client open", async () => {
    const client = clientOf(url)
    await run(PostgresAdapter.setup({ client }))
    await client`select 1`
    const before = await connections()
    expect(await run(Effect.provide(use, PostgresAdapter.layer({ client, prefix: "layer" })))).toBe("Hit")
    await expect.poll(connections).toBe(before)
    expect(await client`select 1 as one`).toHaveLength(1)
  })
})

describe("layerConfig", () => {
  const config = { url: Config.succeed(Redacted.make(url)), table: Config.succeed("configured") }

  it("makes a client and the table, and closes the client", async () => {
    const before = await connections()
    const layer = PostgresAdapter.layerConfig({ ...config, setup: Config.succeed(true) })
    expect(await run(Effect.provide(use, layer))).toBe("Hit")
    await expect.poll(connections).toBe(before)
    expect(await eye`select convert_from(key, 'UTF8') as key from configured`).toEqual([{ key: "k" }])
  })

  it("sends nothing of the client's own, whose failure would end the process", async () => {
    const proxy = await proxyTo(server, postgresCommands)
    const through = { ...config, url: Config.succeed(Redacted.make(proxy.url())), setup: Config.succeed(true) }
    expect(await run(Effect.provide(use, PostgresAdapter.layerConfig(through)))).toBe("Hit")
    const sent = proxy.commands().flatMap(({ args }) => args)
    expect(sent.some((text) => text.includes("put"))).toBe(true)
    expect(sent.filter((text) => text.includes("pg_catalog.pg_type"))).toEqual([])
  })

  it("does not make the table without the option", async () => {
    const layer = PostgresAdapter.layerConfig({ ...config, table: Config.succeed("not made") })
    const error = await run(Effect.flip(Effect.provide(use, layer)))
    expect(error).toMatchObject({ reason: "Rejected", message: expect.stringContaining("setup") })
  })

  it("reports bad configuration as a typed failure, before it connects", async () => {
    for (const bad of [{ table: Config.succeed("") }, { prefixx: Config.succeed("misspelled") }]) {
      const layer = PostgresAdapter.layerConfig({ ...config, ...bad })
      expect(await run(Effect.flip(Effect.scoped(Layer.build(layer))))).toBeInstanceOf(InvalidOption)
    }
  })

  it.each(["postgres://user:secret@host:port/db", "postgres://user:secr%zzet@host/db", "a secret", ""])(
    "reports an invalid URL as a typed failure, and does not show it: %#",
    async (url) => {
      const layer = PostgresAdapter.layerConfig({ url: Config.succeed(Redacted.make(url)) })
      const exit = await Effect.runPromiseExit(Effect.scoped(Layer.build(layer)))
      expect(exit).toMatchObject({ cause: { reasons: [{ _tag: "Fail", error: { option: "url" } }] } })
      expect(inspect(exit, { depth: 10 })).not.toMatch(/secret|zzet/)
    }
  )

  it("reports a foreign table as a typed failure", async () => {
    await eye`create table another (id int)`
    const layer = PostgresAdapter.layerConfig({
      ...config,
      table: Config.succeed("another"),
      setup: Config.succeed(true)
    })
    const error = await run(Effect.flip(Effect.scoped(Layer.build(layer))))
    expect(error).toMatchObject({ _tag: "SetupFailed", reason: "Unrecognised" })
  })
})

describe("a process", () => {
  it("ends at once when the adapter and the client are closed", () =>
    expectToEnd(new URL("./fixtures/Exits.ts", import.meta.url), url))
})

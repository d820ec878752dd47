import { refusalOf, run } from "@cache-locking/conformance-kit/testing"
import { Adapter, InvalidOption, ListingAdapter } from "@cache-locking/core"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { D1Adapter } from "../src/index.ts"

/** Answers nothing, because the checks here send no request. */
const database: D1Adapter.Database = {
  prepare: () => {
    throw new Error("asked")
  },
  batch: () => Promise.reject(new Error("asked"))
}

const make = (options: object) => () => D1Adapter.make({ database, ...options } as D1Adapter.Options)

describe("options", () => {
  it("are checked when the adapter is made", () => {
    const bad: ReadonlyArray<readonly [object, string]> = [
      [{ database: undefined }, "database"],
      [{ database: "DB" }, "database"],
      [{ database: { prepare: () => {} } }, "database"],
      [{ database: { ...database, getBookmark: () => null } }, "database"],
      [{ table: "" }, "table"],
      [{ table: "a\0b" }, "table"],
      [{ table: "\ud800" }, "table"],
      [{ table: "sqlite_x" }, "table"],
      [{ table: "_CF_KV" }, "table"],
      [{ table: "d1_migrations" }, "table"],
      [{ table: "x".repeat(129) }, "table"],
      [{ table: 1 }, "table"],
      [{ setup: "yes" }, "setup"],
      [{ commandTimeout: 0 }, "commandTimeout"],
      [{ commandTimeout: Infinity }, "commandTimeout"],
      [{ commandTimeout: "soon" }, "commandTimeout"],
      [{ pollEvery: "soon" }, "pollEvery"],
      [{ pollEvery: Infinity }, "pollEvery"],
      [{ prefix: "app" }, "prefix"]
    ]
    for (const [options, option] of bad) expect(refusalOf(make(options)).option).toBe(option)
  })

  it("describe a binding, and never its contents", () => {
    expect(make({ database: { key: "a secret" } })).toThrow(/database is an object; accepted: a D1 binding \(env\.DB\)/)
    expect(refusalOf(make({ database: { key: "a secret" } })).option).toBe("database")
  })

  it("are also checked by the functions that need only a table", () => {
    expect(() => D1Adapter.setup({ database, table: "sqlite_x" })).toThrow(InvalidOption)
    expect(() => D1Adapter.collect({ database: {} as D1Adapter.Database })).toThrow(InvalidOption)
    expect(() => D1Adapter.migration("")).toThrow(InvalidOption)
  })

  it("take any other name of a table", () => {
    for (const table of ['a"b', "a b", "select", "ünï", "a;--", "'"]) expect(make({ table })).not.toThrow()
  })
})

describe("an adapter", () => {
  it("is the same as another over the same table of the same database, however it is spelled", () => {
    const identity = (options: object) => make(options)().identity
    expect(identity({ table: "a" })).toBe(identity({ table: "A", setup: true }))
    expect(identity({})).toBe(identity({ table: "cache_locking" }))
    expect(identity({ table: "a" })).not.toBe(identity({ table: "b" }))
    expect(identity({ database: { ...database } })).not.toBe(identity({}))
  })

  it("pushes nothing, and opens nothing that would have to be closed", () => {
    const { changes, close, watch } = make({})()
    expect([watch, changes, close]).toEqual([undefined, undefined, undefined])
  })
})

describe("layers", () => {
  it("give both services", async () => {
    const use = Effect.map(Effect.all([Adapter, ListingAdapter]), ([one, two]) => [one.name, one === two])
    expect(await run(Effect.provide(use, D1Adapter.layer({ database })))).toEqual(["cloudflare-d1", true])
  })

  it("report bad configuration as a typed failure", async () => {
    const layer = D1Adapter.layerConfig({ database }, { table: Config.String("TABLE") })
    const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ TABLE: "sqlite_x" }))
    const error = await run(Effect.flip(Effect.scoped(Layer.build(Layer.provide(layer, provider)))))
    expect(error).toBeInstanceOf(InvalidOption)
  })
})

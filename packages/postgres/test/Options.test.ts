/** Checks that need no server. */
import { refusalOf, run } from "@cache-locking/conformance-kit/testing"
import { type Adapter, InvalidOption, ListingAdapter, MemoryAdapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { clientOf } from "./fixtures/Support.ts"

describe("options", () => {
  const client = () => clientOf("postgres://user:secret@127.0.0.1:1/none")

  it.each([
    [{ client: undefined }, "client"],
    [{ client: "postgres://user:secret@host/db" }, "client"],
    [{ client: { host: "host", password: "secret" } }, "client"],
    [{ schema: "" }, "schema"],
    [{ table: "x".repeat(64) }, "table"],
    [{ table: "a\u0000" }, "table"],
    [{ prefix: "a\u0000" }, "prefix"],
    [{ prefix: "\ud800" }, "prefix"],
    [{ watch: "yes" }, "watch"],
    [{ collect: 1 }, "collect"],
    [{ unlogged: "no" }, "unlogged"],
    [{ commandTimeout: 0 }, "commandTimeout"],
    [{ commandTimeout: "1 fortnight" }, "commandTimeout"],
    [{ tabel: "misspelled" }, "tabel"]
  ])("%o is refused, and nothing secret is shown", (options, option) => {
    const all = { client: client(), ...options } as never
    for (const use of [PostgresAdapter.make, PostgresAdapter.setup, PostgresAdapter.collect, PostgresAdapter.layer]) {
      expect(refusalOf(() => use(all)).option).toBe(option)
    }
  })

  const type = (to: number, serialize: (value: never) => unknown) => ({ to, from: [to], serialize, parse: String })

  it.each([
    ["boolean", type(16, (yes) => (yes === "yes" ? "t" : "f"))],
    ["bytea", type(17, (bytes: Uint8Array) => Buffer.from(bytes).toString("base64"))],
    ["text", type(25, (text: string) => text.trim().toUpperCase())],
    ["float8", type(701, (number: number) => number.toFixed(0))],
    ["uuid", type(2950, (id: string) => id.replaceAll("-", ""))],
    [
      "float8 of another class",
      type(701, (number: { readonly cents: { toString(): string } }) => number.cents.toString())
    ]
  ])("a client whose own %s changes the statements' parameters is refused", (_, own) => {
    const typed = clientOf("postgres://127.0.0.1:1/none", { types: { own } } as never)
    expect(refusalOf(() => PostgresAdapter.make({ client: typed })).option).toBe("client")
  })

  it.each([
    ["integers as bigint", { bigint: { to: 20, from: [20], serialize: String, parse: BigInt } }],
    ["dates as text", { date: { to: 1184, from: [1082, 1114, 1184], serialize: String, parse: String } }],
    ["numbers of other classes", { decimal: { to: 1700, from: [1700, 701], serialize: String, parse: Number } }],
    ["boolean in other words", { bool: type(16, (yes) => (yes ? "yes" : "no")) }]
  ])("a client with types of its own that do not is taken: %s", (_, types) => {
    const client = clientOf("postgres://127.0.0.1:1/none", { types } as never)
    expect(PostgresAdapter.make({ client }).name).toBe("postgres")
  })

  it("a client that transforms rows is refused", async () => {
    const transforming = clientOf("postgres://127.0.0.1:1/none", { transform: { row: (row: unknown) => row } } as never)
    expect(() => PostgresAdapter.make({ client: transforming })).toThrow(InvalidOption)
  })

  it("the same client, table and prefix are the same identity, whatever the other options", () => {
    const same = client()
    const identity = (options: object) => PostgresAdapter.make({ client: same, ...options }).identity
    expect(identity({})).toBe(identity({ schema: "public", table: "cache_locking", prefix: "cache", watch: false }))
    expect(identity({})).not.toBe(identity({ prefix: "other" }))
    expect(identity({})).not.toBe(identity({ table: "other" }))
    expect(identity({})).not.toBe(PostgresAdapter.make({ client: client() }).identity)
  })

  it("without watch there is neither watch nor changes", () => {
    const adapter = PostgresAdapter.make({ client: client(), watch: false })
    expect(adapter).toMatchObject({ watch: undefined, changes: undefined, name: "postgres" })
  })
})

it("gives a listing adapter exactly where keys can be listed", async () => {
  const client = clientOf("postgres://127.0.0.1:1/none")
  const { keys: _, ...blind } = MemoryAdapter.make()
  const found = async (layer: Layer.Layer<Adapter>) =>
    (await run(Effect.provide(Effect.serviceOption(ListingAdapter), layer)))._tag
  expect(await found(PostgresAdapter.layer({ client }))).toBe("Some")
  expect(await found(PostgresAdapter.layer({ client, leases: MemoryAdapter.make() }))).toBe("Some")
  expect(await found(PostgresAdapter.layer({ client, leases: blind as Adapter }))).toBe("None")
})

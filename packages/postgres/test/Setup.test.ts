import { failureOf, put, run, value } from "@cache-locking/conformance-kit/testing"
import { Postgres, postgresCommands } from "@cache-locking/test-servers"
import { proxyTo, serverOfFile } from "@cache-locking/test-servers/vitest"
import { describe, expect, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { adapterOf, clientOf, sentThrough } from "./fixtures/Support.ts"

const server = await serverOfFile(Postgres.start({ own: true }))
const { url } = server

const persistence = async (client: PostgresAdapter.Client, table: string) => {
  const [row] = await client`select relpersistence as p from pg_class where relname = ${table}`
  return row?.["p"]
}

describe("ddl", () => {
  it("returns the statements of setup, with names quoted", () => {
    const ddl = PostgresAdapter.ddl({ schema: 'a"b', table: "c'd", unlogged: true })
    expect(ddl).toContain('create schema if not exists "a""b";')
    expect(ddl).toContain(`create unlogged table if not exists "a""b"."c'd" (`)
    expect(PostgresAdapter.ddl()).toContain('create table if not exists "public"."cache_locking" (')
    expect(() => PostgresAdapter.ddl({ table: "" })).toThrow("table")
  })
})

describe("setup", () => {
  it("makes the schema and the table, and the second time nothing", async () => {
    const proxy = await proxyTo(server, postgresCommands)
    const client = clientOf(proxy.url(), { max: 1, fetch_types: false })
    const options = { client, schema: "fresh", table: "made" }
    await run(PostgresAdapter.setup(options))
    const { adapter } = await adapterOf(url, options)
    await put(adapter, "k")
    proxy.resetCommands()
    await run(PostgresAdapter.setup(options))
    expect(sentThrough(proxy)).toEqual(["SELECT"])
    expect((await run(adapter.read("k"))).value).toEqual(value(1))
  })

  it("accepts a table made by hand with the DDL, and the DDL may be run again", async () => {
    const client = clientOf(url)
    const place = { schema: "by hand", table: "made" }
    await client.unsafe(PostgresAdapter.ddl(place))
    await client.unsafe(PostgresAdapter.ddl(place))
    await run(PostgresAdapter.setup({ ...place, client }))
  })

  it("refuses a table that it does not recognise, and does not touch it", async () => {
    const client = clientOf(url)
    await client`create table foreign_table (id int primary key, note text)`
    await client`insert into foreign_table values (1, 'mine')`
    await client`create view foreign_view as select 1 as one`
    await client.unsafe(PostgresAdapter.ddl({ table: "more" }))
    await client`alter table more add column extra int`
    await client.unsafe(PostgresAdapter.ddl({ table: "keyless" }))
    await client`alter table keyless drop constraint keyless_pkey`
    for (const table of ["foreign_table", "foreign_view", "more", "keyless"]) {
      const error = await failureOf(PostgresAdapter.setup({ client, table }))
      expect(error).toMatchObject({ _tag: "SetupFailed", reason: "Unrecognised", table })
      expect(error.message).toContain(table)
    }
    expect(await client`select * from foreign_table`).toEqual([{ id: 1, note: "mine" }])
    const columns = await client`select column_name from information_schema.columns where table_name = 'foreign_table'`
    expect(columns).toHaveLength(2)
  })

  it("makes an unlogged table where that is asked for, and does not take one for the other", async () => {
    const client = clientOf(url)
    await run(PostgresAdapter.setup({ client, table: "unlogged", unlogged: true }))
    await run(PostgresAdapter.setup({ client, table: "logged" }))
    expect(await persistence(client, "unlogged")).toBe("u")
    expect(await persistence(client, "logged")).toBe("p")
    await run(PostgresAdapter.setup({ client, table: "unlogged" }))
    for (const [table, unlogged] of [
      ["unlogged", false],
      ["logged", true]
    ] as const) {
      const error = await failureOf(PostgresAdapter.setup({ client, table, unlogged }))
      expect(error).toMatchObject({ reason: "Unrecognised", message: expect.stringContaining("option unlogged") })
    }
  })

  it("needs no permission where there is nothing to make, and says so where there is", async () => {
    const client = clientOf(url)
    await client.unsafe(PostgresAdapter.ddl({ schema: "theirs", table: "made" }))
    await client`create role guest login`
    await client`grant usage on schema theirs to guest`
    await client`grant select, insert, update, delete on theirs.made to guest`
    const guest = clientOf(url.replace("postgres@", "guest@"))
    const { adapter } = await adapterOf(url, { client: guest, schema: "theirs", table: "made" })
    await put(adapter, "k")
    expect(await run(adapter.delete("k"))).toBe(true)
    for (const place of [
      { schema: "theirs", table: "other" },
      { schema: "unmade", table: "made" }
    ]) {
      const error = await failureOf(PostgresAdapter.setup({ client: guest, ...place }))
      expect(error).toMatchObject({ reason: "Rejected", message: expect.stringContaining("permission denied") })
    }
  })

  it("reports a server that is not there", async () => {
    const error = await failureOf(
      PostgresAdapter.setup({ client: clientOf("postgres://user:secret@127.0.0.1:1/none") })
    )
    expect(error).toMatchObject({ _tag: "SetupFailed", reason: "Unavailable" })
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain("secret")
  })

  it("a verb without a table names the remedy", async () => {
    const adapter = PostgresAdapter.make({ client: clientOf(url), table: "missing" })
    expect(await failureOf(adapter.read("k"))).toMatchObject({
      reason: "Rejected",
      message: expect.stringContaining("PostgresAdapter.setup")
    })
  })
})

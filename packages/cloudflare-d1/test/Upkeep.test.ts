/** The creation of the table, and the removal of expired rows. */
import {
  ask,
  failureOf,
  lead,
  lifetime,
  minute,
  put,
  run,
  sleep,
  text,
  value
} from "@cache-locking/conformance-kit/testing"
import { WorkersBackend } from "@cache-locking/test-servers"
import { metered } from "@cache-locking/test-servers/d1"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { D1Adapter } from "../src/index.ts"
import { sweepRows } from "../src/Statements.ts"
import { sweepEvery } from "../src/Sweeper.ts"

const backend = await serverOfFile(WorkersBackend.start())

const rowsOf = async (table: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const { results } = await backend.database().prepare(`SELECT * FROM "${table}" ORDER BY key`).all()
  return results as ReadonlyArray<Record<string, unknown>>
}

const created = async (table: string) => {
  const database = backend.database()
  await run(D1Adapter.setup({ database, table }))
  return { database, table, adapter: D1Adapter.make({ database, table }) }
}

describe("migration", () => {
  it("is SQL that can be copied, and is the same table as setup's", async () => {
    const sql = D1Adapter.migration("by_hand")
    expect(sql).toMatch(/^CREATE TABLE IF NOT EXISTS "by_hand" \(\n {2}key TEXT NOT NULL PRIMARY KEY,\n/)
    expect(sql.endsWith(") WITHOUT ROWID;\n")).toBe(true)
    await backend.database().prepare(sql).all()
    const { adapter, database } = await created("by_hand")
    await run(D1Adapter.setup({ database, table: "by_hand" }))
    await put(adapter, "k")
    expect((await rowsOf("by_hand")).length).toBe(1)
    expect(D1Adapter.migration()).toContain('"cache_locking"')
  })
})

describe("setup", () => {
  it("is safe from many at once, 200 times", async () => {
    const databases = Array.from({ length: 4 }, () => backend.database())
    for (let round = 0; round < 200; round++) {
      const table = `raced${round}`
      await Promise.all(databases.map((database) => run(D1Adapter.setup({ database, table }))))
      if (round % 50 === 0) await run(D1Adapter.make({ database: databases[0]!, table }).acquire("k", ask("me")))
    }
    const { results } = await databases[0]!.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'raced%'").all()
    expect(results.length).toBe(200)
  })

  it("leaves an existing table alone", async () => {
    const { adapter, database, table } = await created("kept")
    await put(adapter, "k", text("v"))
    await run(D1Adapter.setup({ database, table }))
    expect((await run(adapter.read("k"))).value).toEqual(text("v"))
  })

  it("refuses a table that it does not recognise, and a view, and leaves them alone", async () => {
    const database = backend.database()
    const good = D1Adapter.migration("x").replace(/;\n$/, "")
    const others = {
      orders: 'CREATE TABLE "orders" (id INTEGER PRIMARY KEY, total INTEGER)',
      fewer: good.replace('"x"', '"fewer"').replace("  took INTEGER,\n", ""),
      more: good.replace('"x"', '"more"').replace("value BLOB", "value BLOB,\n  extra TEXT"),
      otherType: good.replace('"x"', '"otherType"').replace("took INTEGER", "took TEXT"),
      noKey: good
        .replace('"x"', '"noKey"')
        .replace("key TEXT NOT NULL PRIMARY KEY", "key TEXT NOT NULL")
        .replace(" WITHOUT ROWID", ""),
      seen: 'CREATE VIEW "seen" AS SELECT 1 AS key'
    }
    const schemaOf = async (table: string) =>
      (await database.prepare("SELECT sql FROM sqlite_schema WHERE name = ?1").bind(table).all()).results
    for (const [table, sql] of Object.entries(others)) {
      await database.prepare(sql).all()
      const before = await schemaOf(table)
      const error = await failureOf(D1Adapter.setup({ database, table }))
      expect([table, error.reason]).toEqual([table, "Rejected"])
      expect(error.message).toContain(`"${table}"`)
      expect(before.length).toBe(1)
      expect(await schemaOf(table)).toEqual(before)
    }
  })

  it("takes any name, as a name and never as code", async () => {
    for (const table of ['q"uote', "; DROP TABLE orders", "sel ect", "ünï😀", "'"]) {
      const { adapter } = await created(table)
      await put(adapter, "k", text(table))
      expect((await run(adapter.read("k"))).value).toEqual(text(table))
    }
    expect(await run(D1Adapter.make({ database: backend.database(), table: "'" }).delete("k"))).toBe(true)
  })

  it("is named by the verb that misses the table, or done by it", async () => {
    const database = backend.database()
    const error = await failureOf(D1Adapter.make({ database, table: "absent" }).acquire("k", ask("me")))
    expect(error).toMatchObject({ reason: "Rejected", operation: "acquire", key: "k" })
    expect(error.message).toContain("D1Adapter.setup")
    const meter = metered(database)
    const adapter = D1Adapter.make({ database: meter.database, table: "absent", setup: true })
    const found = await Promise.all(Array.from({ length: 20 }, (_, at) => run(adapter.acquire("k", ask(`${at}`)))))
    expect(found.filter(({ _tag }) => _tag === "Leader").length).toBe(1)
    meter.spent()
    await run(adapter.read("k"))
    expect(meter.spent().requests).toBe(1)
  })
})

describe("expired rows", () => {
  const fill = (table: string, count: number, expiresIn: number, start = 0) =>
    backend
      .database()
      .prepare(
        `INSERT INTO "${table}" (key, expires_at) WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
         SELECT printf('row%06d', i), CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?3 FROM n`
      )
      .bind(start, start + count, expiresIn)
      .all()

  it("goes by collect, all of it and nothing else, in small pages", async () => {
    const { adapter, database, table } = await created("collected")
    // Before there is anything over, for any write may carry a page along.
    await lead(adapter, "row-led")
    await put(adapter, "forever", value(1), lifetime(Infinity))
    await put(adapter, "stale", value(1), lifetime(0, minute))
    await fill(table, 500, -1)
    await fill(table, 50, minute, 500)
    const meter = metered(database)
    expect(await run(D1Adapter.collect({ database: meter.database, table }))).toBe(500)
    const { requests, written } = meter.spent()
    expect(requests).toBe(Math.floor(553 / sweepRows) + 1)
    expect(written).toBe(500)
    expect((await rowsOf(table)).length).toBe(53)
    expect(await run(D1Adapter.collect({ database, table }))).toBe(0)
  })

  it("goes with the writes, which carry a page along now and then, round and round", async () => {
    const { database, table } = await created("swept")
    await fill(table, 300, -1)
    const meter = metered(database)
    const adapter = D1Adapter.make({ database: meter.database, table })
    const lives = lifetime(minute)
    for (let at = 0; at < sweepEvery * 8; at++) await put(adapter, `row00015${at % 10}`, value(1), lives)
    const { read, requests } = meter.spent()
    expect(requests).toBe(sweepEvery * 8)
    // The figures of the README: no page reads more rows than a full one.
    expect(read).toBeLessThanOrEqual(8 * 4 * sweepRows)
    expect((await rowsOf(table)).map(({ key }) => key)).toEqual(Array.from({ length: 10 }, (_, at) => `row00015${at}`))
  })

  it("goes, too, when isolates write less often in their lives than a page is carried along", async () => {
    const { table } = await created("brief")
    await fill(table, 60, -1)
    // Binding by binding another isolate, which writes once. That none of 400 carries a page is as likely as nothing.
    for (let at = 0; at < 400 && (await rowsOf(table)).length > 1; at++) {
      const adapter = D1Adapter.make({ database: backend.database(), table })
      await put(adapter, "a")
    }
    expect((await rowsOf(table)).map(({ key }) => key)).toEqual(["a"])
  })

  it("never is a live lease, a cooldown or a value, however they came", async () => {
    const { adapter, database, table } = await created("alive")
    const lives = lifetime(300)
    await lead(adapter, "led")
    const over = await lead(adapter, "over an expired value", "me", { leaseFor: 1 })
    await put(adapter, "over an expired value", value(1), lifetime(1))
    expect(
      await run(adapter.fill("over an expired value", { token: over.token, value: value(2), lifetime: lives }))
    ).toBe(false)
    await sleep(5)
    const renewed = await lead(adapter, "over an expired value")
    await run(adapter.renew("over an expired value", { token: renewed.token, leaseFor: minute }))
    const cooling = await lead(adapter, "cooling")
    await run(adapter.abandon("cooling", { token: cooling.token, cooldown: minute }))
    await put(adapter, "touched", value(1), lifetime(50))
    await run(adapter.touch("touched", { freshFor: minute }))
    const refilled = await lead(adapter, "touched", "me", { refreshWithin: Infinity })
    await run(adapter.touch("touched", { freshFor: 40 }))
    await put(adapter, "refreshing")
    await lead(adapter, "refreshing", "me", { refreshWithin: Infinity, leaseFor: 1 })
    await sleep(60)
    expect(await run(D1Adapter.collect({ database, table }))).toBe(0)
    expect((await rowsOf(table)).length).toBe(5)
    expect(await run(adapter.abandon("touched", { token: refilled.token }))).toBe(true)
    // Unless that very write carried a page along.
    expect(await run(D1Adapter.collect({ database, table }))).toBeLessThanOrEqual(1)
    expect((await rowsOf(table)).map(({ key }) => key)).not.toContain("touched")
  })

  it("is never answered while it lies there, nor listed, nor counted", async () => {
    const { adapter, table } = await created("lying")
    await put(adapter, "k", value(1), lifetime(1, 1))
    await sleep(10)
    expect((await rowsOf(table)).length).toBe(1)
    expect(await run(adapter.read("k"))).toMatchObject({ value: undefined, keptFor: 0 })
    expect(await run(adapter.delete("k"))).toBe(false)
    expect(await run(Effect.map(adapter.acquire("k", ask("me")), (found) => found._tag))).toBe("Leader")
  })
})

import {
  ask,
  failureOf,
  hit,
  hitOf,
  lead,
  lifetime,
  listed,
  load,
  minute,
  put,
  run,
  tagOf,
  text,
  until,
  value
} from "@cache-locking/conformance-kit/testing"
import { MemoryAdapter } from "@cache-locking/core"
import { Postgres } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { adapterOf, clientOf, closing, proxied } from "./fixtures/Support.ts"

const server = await serverOfFile(Postgres.start({ own: true }))
const { url } = server

describe("keys and values", () => {
  const keys = [
    ...["", "'", "''", '"', "\\", "\\x41", "$1", "$$", "%", "%s", "?", ";--", "{", "}", "*", "lease:x", "x:lease", "x"],
    ...["\u0000", "a\u0000b", "a", "a\r\nb", "é", "e\u0301", "😀", "日本", " ", "null", "x".repeat(10_240)]
  ]

  it("takes any text as a key, and keeps keys apart", async () => {
    const { adapter, client } = await adapterOf(url, { prefix: "odd" })
    for (const key of keys) await put(adapter, key, text(key))
    for (const key of keys) {
      expect((await hitOf(adapter, key)).value.bytes).toEqual(text(key).bytes)
    }
    const many = await run(adapter.acquireMany!(keys, ask("you")))
    expect(many.map((found) => hit(found).value.bytes)).toEqual(keys.map((key) => text(key).bytes))
    const [row] = await client`select count(*)::int as rows from cache_locking where prefix = 'odd'`
    expect(row!["rows"]).toBe(keys.length)
    expect(await listed(adapter)).toEqual([...keys].sort())
    expect(await listed(adapter, "%")).toHaveLength(2)
    expect(await listed(adapter, "a")).toEqual(["a", "a\r\nb", "a\u0000b"].sort())
    expect(await run(adapter.deleteMany!([...keys, "none", "x"]))).toBe(keys.length)
    expect(await listed(adapter)).toEqual([])
  })

  it("keeps every byte: none, one, all, and as many as the limit", async () => {
    const { adapter } = await adapterOf(url, { prefix: "bytes", commandTimeout: 15_000 })
    const all = Uint8Array.from({ length: 512 }, (_, i) => i)
    const most = new Uint8Array(adapter.limits.valueBytes).fill(0xa5)
    for (const bytes of [new Uint8Array(), Uint8Array.of(0), all, most]) {
      const { token } = await lead(adapter, "k", "me", { force: true })
      expect(await run(adapter.fill("k", { token, value: { bytes }, lifetime: lifetime(minute) }))).toBe(true)
      const found = (await hitOf(adapter, "k")).value.bytes
      // Element by element, a large one takes its time to compare.
      expect(Buffer.compare(found, bytes)).toBe(0)
      expect(found.constructor).toBe(Uint8Array)
      expect(found.buffer.byteLength).toBe(bytes.byteLength)
    }
    const one = { bytes: new Uint8Array(adapter.limits.valueBytes + 1) }
    expect(await failureOf(adapter.put("k", { value: one, lifetime: lifetime(minute) }))).toMatchObject({
      operation: "put",
      reason: "Rejected"
    })
    expect((await run(adapter.read("k"))).value?.bytes.byteLength).toBe(most.byteLength)
  })

  it("keeps only the bytes of a view of a larger buffer", async () => {
    const { adapter } = await adapterOf(url, { prefix: "views" })
    const view = new Uint8Array(new ArrayBuffer(64), 8, 3)
    view.set([1, 2, 3])
    await put(adapter, "view", { bytes: view })
    expect((await hitOf(adapter, "view")).value.bytes).toEqual(Uint8Array.of(1, 2, 3))
  })

  it("refuses keys that are too long, or not text, and changes nothing", async () => {
    const { adapter } = await adapterOf(url, { prefix: "limits" })
    for (const key of ["é".repeat(32_769), "\ud800"]) {
      for (const effect of [
        adapter.acquire(key, ask("me")),
        adapter.put(key, { value: value(1), lifetime: lifetime(minute) }),
        adapter.delete(key),
        adapter.read(key),
        adapter.acquireMany!(["fine", key], ask("me")),
        adapter.deleteMany!(["fine", key]),
        Effect.scoped(adapter.watch!(key))
      ]) {
        expect(await failureOf(effect)).toMatchObject({ reason: "Rejected", adapter: "postgres" })
      }
    }
    // Nor where the first statement of several could be sent before the key is met.
    const many = [...Array.from({ length: 600 }, (_, i) => `k${i}`), "\ud800"]
    expect(await failureOf(adapter.acquireMany!(many, ask("me")))).toMatchObject({ reason: "Rejected" })
    expect(await failureOf(adapter.deleteMany!(many))).toMatchObject({ reason: "Rejected" })
    expect(await listed(adapter)).toEqual([])
    await run(adapter.put("é".repeat(32_768), { value: value(1), lifetime: lifetime(minute) }))
  })

  it("keeps prefixes, tables and schemas apart, whatever their names", async () => {
    const client = clientOf(url)
    const places = [
      { prefix: "a" },
      { prefix: "" },
      { prefix: "a'; drop table cache_locking; --" },
      { table: 'a"b.c; drop table x' },
      { schema: 'odd "schema".$1', table: "%s" },
      { table: "é".repeat(31) }
    ]
    const adapters = []
    for (const place of places) adapters.push((await adapterOf(url, { ...place, client })).adapter)
    for (const [i, adapter] of adapters.entries()) {
      expect(await tagOf(adapter, "k", `${i}`)).toBe("Leader")
      await put(adapter, "k", value(i))
    }
    for (const [i, adapter] of adapters.entries()) {
      expect((await hitOf(adapter, "k")).value.bytes).toEqual(Uint8Array.of(i))
      expect(await listed(adapter)).toEqual(["k"])
      await run(Effect.scoped(adapter.watch!("k")))
    }
  })

  it("works whatever types and transforms the client has", async () => {
    const parse = () => "parsed"
    const types = {
      bytes: { to: 17, from: [17], serialize: (x: Uint8Array) => `\\x${Buffer.from(x).toString("hex")}`, parse }
    }
    const numbers = { to: 701, from: [701, 20, 23], serialize: (x: unknown) => String(x), parse }
    const { adapter } = await adapterOf(url, { prefix: "types" }, {
      types: { ...types, numbers },
      transform: { undefined: null, column: { from: () => "c" }, value: { from: () => 0 } }
    } as never)
    await put(adapter, "k")
    expect(await hitOf(adapter, "k")).toMatchObject({ value: value(1), took: 0 })
  })

  it.each([
    { bytea_output: "escape" },
    { extra_float_digits: "-5" },
    { standard_conforming_strings: "off" },
    { default_transaction_isolation: "serializable" }
  ])("works with any settings of the session: %o", async (connection) => {
    const prefix = `session ${Object.keys(connection)}`
    const { adapter } = await adapterOf(url, { prefix }, { connection } as never)
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    for (const bytes of [all, new Uint8Array(), text("\\x41").bytes, text("\\101").bytes]) {
      const { token } = await lead(adapter, "\\x41 é", "\\x41", { force: true })
      expect((await run(adapter.read("\\x41 é"))).lease).toMatchObject({ owner: "\\x41" })
      expect(await run(adapter.fill("\\x41 é", { token, value: { bytes }, lifetime: lifetime(minute) }))).toBe(true)
      const found = [
        await run(adapter.acquire("\\x41 é", ask("you"))),
        (await run(adapter.acquireMany!(["\\x41 é"], ask("you"))))[0]!
      ]
      for (const one of found) expect(Buffer.compare(hit(one).value.bytes, bytes)).toBe(0)
      expect(hit(found[0]!).freshFor).toBeGreaterThan(minute - 10_000)
      expect(hit(found[0]!).freshFor).toBeLessThanOrEqual(minute)
    }
    expect(await listed(adapter)).toEqual(["\\x41 é"])
    expect(await run(adapter.delete("\\x41 é"))).toBe(true)
  })

  it("answers a token that is none with false", async () => {
    const { adapter } = await adapterOf(url, { prefix: "tokens" })
    await lead(adapter, "k")
    for (const token of ["", "t", "\u0000", "'", "00000000-0000-0000-0000-000000000000"]) {
      expect(await run(adapter.renew("k", { token: token as never, leaseFor: 1 }))).toBe(false)
    }
    expect((await run(adapter.read("k"))).lease?.owner).toBe("me")
  })

  it("takes lives without end, and of no time at all", async () => {
    const { adapter } = await adapterOf(url, { prefix: "lives" })
    const endless = lifetime(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    await put(adapter, "k", value(1), endless)
    expect(await run(adapter.read("k"))).toMatchObject({ freshFor: Infinity, keptFor: Infinity })
    expect(await run(adapter.touch("k", { freshFor: 0.9 }))).toBe(true)
    expect(await run(adapter.read("k"))).toMatchObject({ freshFor: 0, keptFor: Infinity })
    await put(adapter, "k", value(1), lifetime(0.5))
    const found = await lead(adapter, "k", "me", { leaseFor: Number.POSITIVE_INFINITY })
    expect(found.stale).toBeUndefined()
    expect(await run(adapter.acquire("k", ask("you")))).toMatchObject({ _tag: "Follower", leaseEndsIn: Infinity })
  })
})

describe("a hit", () => {
  it("takes no row lock, and writes nothing", async () => {
    const { adapter, client } = await adapterOf(url, { prefix: "hits", table: "hits", commandTimeout: 1_000 })
    await put(adapter, "k")
    const state = async () => {
      const [row] = await client`select xmin::text, xmax::text, ctid::text from hits`
      const [next] =
        await client`select pg_snapshot_xmax(pg_current_snapshot())::text as xid, pg_current_wal_insert_lsn()::text as lsn`
      return { row, next }
    }
    const ways = [
      () => run(adapter.acquire("k", ask("you"))),
      async () => (await run(adapter.acquireMany!(["k"], ask("you"))))[0]!,
      () => run(adapter.acquire("k", ask("you", { refreshWithin: 1_000 })))
    ]
    await client.begin(async (other) => {
      // Whoever locked the row would wait for this, beyond the command timeout.
      await other`select 1 from hits for update`
      for (const way of ways) expect((await way())._tag).toBe("Hit")
      expect((await run(adapter.read("k"))).value).toEqual(value(1))
    })
    const before = await state()
    for (const way of ways) for (let i = 0; i < 20; i++) expect((await way())._tag).toBe("Hit")
    // One that knows of no key yet asks with the statement that could also grant.
    const fresh = () => PostgresAdapter.make({ client, prefix: "hits", table: "hits" })
    for (let i = 0; i < 20; i++) expect((await run(fresh().acquire("k", ask("you"))))._tag).toBe("Hit")
    await run(adapter.read("k"))
    expect(await state()).toEqual(before)
  })

  it("goes on under another's refresh lease, and followers wait without a lock", async () => {
    const { adapter, client } = await adapterOf(url, { prefix: "hits", table: "hits", commandTimeout: 1_000 })
    await put(adapter, "refreshed")
    await lead(adapter, "refreshed", "me", { refreshWithin: minute })
    await lead(adapter, "led")
    await client.begin(async (other) => {
      await other`select 1 from hits for update`
      const found = await run(adapter.acquire("refreshed", ask("you", { refreshWithin: minute })))
      expect(found._tag).toBe("Hit")
      expect(await tagOf(adapter, "led")).toBe("Follower")
    })
  })
})

describe("statements", () => {
  const counted = async (prepare: boolean) => {
    const { sent, ...more } = await proxied(
      server,
      { prefix: `counted ${prepare}` },
      { max: 1, prepare, fetch_types: false }
    )
    return { ...more, sent: sent.of }
  }

  it.each([true, false])("one for every verb (prepared: %s)", async (prepare) => {
    const { adapter, sent } = await counted(prepare)
    const found = await lead(adapter, "k")
    const { token } = found
    const fill = { token, lifetime: lifetime(minute) }
    expect(await sent(adapter.acquire("k", ask("you")))).toEqual(["ACQUIRE"])
    expect(await sent(adapter.renew("k", { token, leaseFor: 10_000 }))).toEqual(["RENEW"])
    expect(await sent(adapter.acquire("k", ask("you")))).toEqual(["PEEK"])
    expect(await sent(adapter.fill("k", { ...fill, value: value(1) }))).toEqual(["FILL"])
    for (let i = 0; i < 2; i++) expect(await sent(adapter.acquire("k", ask("you")))).toEqual(["PEEK"])
    expect(await sent(adapter.touch("k", { freshFor: minute }))).toEqual(["TOUCH"])
    expect(await sent(adapter.read("k"))).toEqual(["READ"])
    const forced = await lead(adapter, "k", "me", { force: true })
    expect(await sent(adapter.fill("k", { ...fill, token: forced.token }))).toEqual(["REFILL"])
    expect(await sent(adapter.put("k", { value: value(1), lifetime: lifetime(minute) }))).toEqual(["PUT"])
    expect(await sent(adapter.delete("k"))).toEqual(["REMOVE"])
    const led = await lead(adapter, "k")
    expect(await sent(adapter.abandon("k", { token: led.token }))).toEqual(["ABANDON"])
    const many = Array.from({ length: 500 }, (_, i) => `many ${i}`)
    expect(await sent(adapter.deleteMany!(many))).toEqual(["REMOVEMANY"])
    expect(await sent(Stream.runDrain(adapter.keys("")))).toEqual(["KEYS", "KEYS"])
  })

  it("one for a hit that was not seen before, and one more, once, for a value that somebody else removed", async () => {
    const { adapter, sent } = await counted(true)
    const other = (await adapterOf(url, { prefix: "counted true" })).adapter
    await put(other, "seen")
    expect(await sent(adapter.acquire("seen", ask("you")))).toEqual(["ACQUIRE"])
    expect(await sent(adapter.acquire("seen", ask("you")))).toEqual(["PEEK"])
    expect(await sent(adapter.acquire("seen", ask("you", { refreshWithin: 2 * minute })))).toEqual(["ACQUIRE"])
    await run(other.delete("seen"))
    await put(other, "seen")
    expect(await sent(adapter.acquire("seen", ask("me")))).toEqual(["ACQUIRE"])
    await run(other.delete("seen"))
    expect(await sent(adapter.acquire("seen", ask("me")))).toEqual(["PEEK", "ACQUIRE"])
    expect(await sent(adapter.acquire("seen", ask("me")))).toEqual(["ACQUIRE"])
  })

  it("one for many hits, and one more for every key that is none", async () => {
    const { adapter, sent } = await counted(true)
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
    for (const key of keys) await put(adapter, key)
    await lead(adapter, "led", "another")
    const cooling = await lead(adapter, "cooling", "another")
    await run(adapter.abandon("cooling", { token: cooling.token, cooldown: minute }))
    expect(await sent(adapter.acquireMany!([...keys, "led", "cooling"], ask("me")))).toEqual(["ACQUIREMANY"])
    expect(await sent(adapter.acquireMany!(["k0", "a", "b"], ask("me")))).toEqual(["ACQUIREMANY", "ACQUIRE", "ACQUIRE"])
    expect(await run(adapter.acquireMany!([], ask("me")))).toEqual([])
  })

  it("are prepared once, and not at all where the client says so", async () => {
    const prepared = await counted(true)
    for (let i = 0; i < 3; i++) await run(prepared.adapter.read("k"))
    expect(
      prepared.proxy.commands().filter(({ args, name }) => name === "PARSE" && args[0]?.includes("read"))
    ).toHaveLength(1)
    const unprepared = await counted(false)
    for (let i = 0; i < 3; i++) await run(unprepared.adapter.read("k"))
    expect(
      unprepared.proxy.commands().filter(({ args, name }) => name === "PARSE" && args[0]?.includes("read"))
    ).toHaveLength(3)
  })

  it("do not contain the key or the value, which are parameters; messages contain a hash", async () => {
    const { adapter, proxy } = await counted(true)
    const heard: Array<string> = []
    const client = clientOf(url)
    await client.listen((await channelOf(adapter))!, (message) => heard.push(message))
    await put(adapter, "a secret key", text("a secret value"))
    await expect.poll(() => heard.length).toBe(1)
    expect(heard[0]).toMatch(/^v[0-9a-f]{64}$/)
    expect(JSON.stringify(proxy.commands())).not.toContain("secret")
  })

  const channelOf = async (adapter: { readonly identity?: object | undefined }) =>
    (adapter.identity as { channel?: string }).channel
})

describe("collecting", () => {
  const aged = (client: PostgresAdapter.Client, table: string) =>
    client`update ${client(table)} set changed_at = changed_at - 3600000, filled_at = filled_at - 3600000,
      lease_until = lease_until - 3600000, cooling_until = cooling_until - 3600000`

  const rowsOf = async (client: PostgresAdapter.Client, table: string) => {
    const rows = await client`select convert_from(key, 'UTF8') as key from ${client(table)} order by 1`
    return rows.map(({ key }) => key as string)
  }

  it("removes the ended rows, and no others", async () => {
    const table = "collected"
    const { adapter, client } = await adapterOf(url, { table, collect: false })
    const other = await adapterOf(url, { table, prefix: "another", client })
    const keep = (key: string, fresh: number) => put(adapter, key, value(1), lifetime(fresh, fresh))
    await keep("ended", minute)
    await keep("stale", 70 * minute)
    await keep("endless", Number.POSITIVE_INFINITY)
    await keep("deleted", minute)
    await run(adapter.delete("deleted"))
    await lead(adapter, "crashed")
    await put(other.adapter, "of another prefix")
    const cooled = await lead(adapter, "cooled")
    await run(adapter.abandon("cooled", { token: cooled.token, cooldown: minute }))
    expect(await run(PostgresAdapter.collect({ client, table }))).toBe(0)
    await aged(client, table)
    await lead(adapter, "led")
    await keep("ended and led", 0)
    await aged(client, table)
    await lead(adapter, "led")
    await lead(adapter, "ended and led")
    expect(await run(PostgresAdapter.collect({ client, table }))).toBe(5)
    expect(await rowsOf(client, table)).toEqual(["ended and led", "endless", "led", "stale"])
    expect(await run(PostgresAdapter.collect({ client, table }))).toBe(0)
  })

  it("removes the failures of cooldowns that are over, and leaves the values beside them", async () => {
    const table = "served"
    const { adapter, client } = await adapterOf(url, { table, collect: false })
    for (const key of ["over", "cooling"]) {
      await put(adapter, key)
      const { token } = await lead(adapter, key, "me", { force: true })
      await run(adapter.abandon(key, { token, cooldown: minute, cause: text("a failure") }))
    }
    await client`update ${client(table)} set cooling_until = cooling_until - 60001 where key = 'over'`
    const failures = () => client`select 1 from ${client(table)} where cause is not null`
    expect(await failures()).toHaveLength(2)
    expect(await run(PostgresAdapter.collect({ client, table }))).toBe(0)
    expect(await failures()).toHaveLength(1)
    expect((await run(adapter.read("cooling"))).cooling).toMatchObject({ cause: text("a failure") })
    expect(await tagOf(adapter, "over")).toBe("Hit")
  })

  it("walks a table of many pages, and neither waits for a lock nor keeps anybody waiting", async () => {
    const table = "pages"
    const { adapter, client } = await adapterOf(url, { table, collect: false, commandTimeout: 5_000 })
    await client`insert into ${client(table)} (prefix, id, key, changed_at)
      select 'cache', sha256(i::text::bytea), i::text::bytea, 0 from generate_series(1, 2500) i`
    const gone = await client.begin(async (other) => {
      await other`select 1 from ${client(table)} where key = '7' for update`
      return run(PostgresAdapter.collect({ client, table }))
    })
    expect(gone).toBe(2_499)
    expect(await rowsOf(client, table)).toEqual(["7"])
    expect(await tagOf(adapter, "7", "me")).toBe("Leader")
  })

  it("goes on in the background, some rows for every write, unless the option is false", async () => {
    for (const collect of [true, false]) {
      const table = `background ${collect}`
      const { adapter, client } = await adapterOf(url, { table, collect })
      await client`insert into ${client(table)} (prefix, id, key, changed_at)
        select 'cache', sha256(i::text::bytea), i::text::bytea, 0 from generate_series(1, 50) i`
      const put = (i: number) => adapter.put(`k${i % 10}`, { value: value(1), lifetime: lifetime(minute) })
      const few = async () => (await rowsOf(client, table)).length === 10
      // From somewhere to the end of the table, then from its beginning.
      for (let i = 0; i < 250; i++) await run(put(i))
      if (collect) await expect.poll(few).toBe(true)
      else expect(await few()).toBe(false)
    }
  })

  it("of a table that grew is as quick for each page", async () => {
    const table = "plan"
    const { client } = await adapterOf(url, { table })
    const { statements } = await import("../src/Statements.ts")
    const Space = await import("../src/Space.ts")
    const { collect, acquire } = statements(Space.make({ schema: "public", table, prefix: "cache" }))
    await client`insert into ${client(table)} (prefix, id, key, changed_at)
      select 'cache', sha256(i::text::bytea), i::text::bytea, 0 from generate_series(1, 20000) i`
    await client`analyze ${client(table)}`
    const plan = async (text: string, parameters: Array<unknown>) =>
      (await client.unsafe(`explain ${text}`, parameters as never))
        .map((row) => String(Object.values(row)[0]))
        .join("\n")
    expect(await plan(collect, ["cache", Buffer.alloc(1)])).not.toContain("Seq Scan")
    expect(await plan(acquire, ["cache", Buffer.from("k"), Buffer.from("o"), 1, 0, false])).not.toContain("Seq Scan")
  })
})

describe("a lease", () => {
  it("comes, is renewed and goes without touching an index", async () => {
    const { adapter, client } = await adapterOf(url, { table: "hot", collect: false })
    await put(adapter, "k", { bytes: new Uint8Array(10_000) })
    for (let i = 0; i < 20; i++) {
      const { token } = await lead(adapter, "k", "me", { force: true })
      await run(adapter.renew("k", { token, leaseFor: 10_000 }))
      await run(adapter.fill("k", { token, lifetime: lifetime(minute) }))
    }
    await client`select pg_stat_clear_snapshot()`
    const updates = async () => {
      const [row] =
        await client`select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = 'hot'`
      return row!
    }
    await expect.poll(async () => (await updates())["all"]).toBe(60)
    expect((await updates())["hot"]).toBeGreaterThanOrEqual(55)
    // Nor is the value written again: its rows are the first ones.
    const [toast] = await client`select reltoastrelid::regclass::text as name from pg_class where relname = 'hot'`
    const [chunks] = await client.unsafe(
      `select count(distinct chunk_id)::int as values, count(*)::int as chunks from ${toast!["name"]}`
    )
    expect(chunks).toEqual({ values: 1, chunks: Math.ceil(10_000 / 1_996) })
  })

  it("waits for a lock no longer than it may, and judges by the time it is then", async () => {
    const { adapter, client } = await adapterOf(url, { table: "locked" })
    const { token } = await lead(adapter, "k", "me", { leaseFor: 60 })
    let renewed: Promise<boolean> | undefined
    await client.begin(async (other) => {
      await other`select 1 from locked for update`
      renewed = run(adapter.renew("k", { token, leaseFor: minute }))
      await other`select pg_sleep(0.1)`
      // A change, or the one that waits has nothing to look at anew.
      await other`update locked set took = took`
    })
    expect(await renewed).toBe(false)
    expect((await run(adapter.read("k"))).lease).toBeUndefined()
  })
})

it("adapters with the same client and prefix close only their own resources", async () => {
  const { adapter, client } = await adapterOf(url)
  const another = closing(PostgresAdapter.make({ client }))
  await run(Effect.scoped(adapter.watch!("k")))
  await run(another.close!)
  await run(Effect.scoped(adapter.watch!("k")))
  await run(adapter.close!)
  expect(await client`select 1 as one`).toHaveLength(1)
})

describe("rows of others", () => {
  it.each([
    ["a value from no instant", "filled_at = 'NaN'"],
    ["a value that is fresh for no time", "fresh_for = 'NaN'"],
    ["a value that is stale for no time", "stale_for = 'NaN'"],
    ["endless times against each other", "filled_at = '-Infinity', fresh_for = 'Infinity'"],
    ["a value without an instant", "filled_at = null"],
    ["a lease without an end", "value = null, owner = 'x', token = gen_random_uuid(), lease_until = 'NaN'"],
    ["a cooldown without an end", "value = null, cooling_until = 'NaN'"]
  ])("%s count as none, and are healed by a load and by a delete", async (_, set) => {
    const { adapter, client } = await adapterOf(url, { table: "foreign" })
    const plant = async (key: string) => {
      await put(adapter, key, text("theirs"))
      await client.unsafe(`update "foreign" set ${set} where key = convert_to('${key}', 'UTF8')`)
    }
    // An adapter that expects no hit, and one that does.
    for (const peer of [closing(PostgresAdapter.make({ client: clientOf(url), table: "foreign" })), adapter]) {
      await plant("k")
      expect(await run(peer.read("k"))).toMatchObject({ freshFor: 0, lease: undefined, cooling: undefined })
      expect(await run(peer.touch("k", { freshFor: minute }))).toBe(false)
      expect((await lead(peer, "k")).stale).toBeUndefined()
      expect(await tagOf(peer, "k")).toBe("Follower")
      await plant("k")
      await run(peer.delete("k"))
      await load(peer, "k", text("ours"))
      expect((await hitOf(peer, "k")).value.bytes).toEqual(text("ours").bytes)
      await run(peer.delete("k"))
    }
  })
})

it("announces nothing where nobody is to watch, nor for values whose leases are elsewhere", async () => {
  const { client } = await adapterOf(url, { table: "announced" })
  const Space = await import("../src/Space.ts")
  const channels = new Map<string, string>()
  const heard: Array<string> = []
  for (const [name, prefix] of [
    ["untold", "untold"],
    ["values", "values\u0001"],
    ["told", "told"]
  ] as const) {
    channels.set(name, Space.make({ schema: "public", table: "announced", prefix }).channel)
    await client.listen(channels.get(name)!, () => heard.push(name))
  }
  for (const adapter of [
    PostgresAdapter.make({ client, table: "announced", prefix: "untold", watch: false }),
    PostgresAdapter.make({ client, table: "announced", prefix: "values", leases: MemoryAdapter.make() }),
    closing(PostgresAdapter.make({ client, table: "announced", prefix: "told" }))
  ]) {
    await load(adapter, "filled", { bytes: new Uint8Array(5_000) })
    await put(adapter, "put", { bytes: new Uint8Array(5_000) })
    const { token } = await lead(adapter, "given back")
    await run(adapter.abandon("given back", { token }))
    await run(adapter.delete("put"))
    await run(adapter.delete("filled"))
  }
  await until("all messages", () => heard.length >= 5)
  expect(heard).toEqual(["told", "told", "told", "told", "told"])
})

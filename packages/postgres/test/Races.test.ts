/** Fifty at once, over several connections and over several processes, two hundred times each: never two winners. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it, onTestFinished } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { adapterOf, ask, clientOf, lead, lifetime, minute, missing, run, serverOf, value } from "./fixtures/Support.ts"

const rounds = 200
const callers = 50

const server = await serverOf()
const url = server instanceof Unavailable ? "" : server.url
afterAll(async () => {
  if (!(server instanceof Unavailable)) await server.stop()
})

const keys = Array.from({ length: rounds }, (_, round) => `round ${round}`)
const each = <A>(count: number, f: (i: number) => Effect.Effect<A, unknown>) =>
  run(
    Effect.all(
      Array.from({ length: count }, (_, i) => f(i)),
      { concurrency: "unbounded" }
    )
  )

const peersOf = async (table: string, count = 4) =>
  Promise.all(
    Array.from({ length: count }, async () => (await adapterOf(url, { table, commandTimeout: 10_000 })).adapter)
  )

describe.skipIf(server instanceof Unavailable)(`races${missing(server)}`, () => {
  it("acquire: one leads, all others follow", async () => {
    const peers = await peersOf("acquire")
    for (const key of keys) {
      const found = await each(callers, (i) => peers[i % peers.length]!.acquire(key, ask(`owner ${i}`)))
      expect(found.filter(({ _tag }) => _tag === "Leader")).toHaveLength(1)
      expect(found.filter(({ _tag }) => _tag === "Follower")).toHaveLength(callers - 1)
    }
  })

  it("acquire of an abandoned, an expired and a deleted key: one leads", async () => {
    const peers = await peersOf("again")
    const [first] = peers
    for (const [round, key] of keys.entries()) {
      const { token } = await lead(first!, key, "before", { leaseFor: round % 3 === 1 ? 1 : 10_000 })
      if (round % 3 === 0) await run(first!.abandon(key, { token }))
      if (round % 3 === 2) await run(first!.delete(key))
      const found = await each(callers, (i) => peers[i % peers.length]!.acquire(key, ask(`owner ${i}`)))
      const leaders = found.filter(({ _tag }) => _tag === "Leader").length
      // A lease of a millisecond may be over a moment later.
      if (round % 3 !== 1) expect(leaders).toBe(1)
      else expect(leaders).toBeLessThanOrEqual(1)
    }
  })

  it("fill against delete: the fill is first and its value gone, or it is refused", async () => {
    const peers = await peersOf("delete")
    let held = 0
    for (const key of keys) {
      const { token } = await lead(peers[0]!, key)
      const fill = (i: number) => peers[i % 4]!.fill(key, { token, value: value(i), lifetime: lifetime(minute) })
      const answers = await each(callers, (i) => (i % 2 === 0 ? fill(i) : peers[i % 4]!.delete(key)))
      const fills = answers.filter((answer, i) => i % 2 === 0 && answer).length
      const deletes = answers.filter((answer, i) => i % 2 === 1 && answer).length
      expect(fills).toBeLessThanOrEqual(1)
      // What the fill brought exactly one delete took away.
      expect(deletes).toBe(fills)
      expect((await run(peers[1]!.read(key))).value).toBeUndefined()
      held += fills
    }
    // Both happen, or this is no race.
    expect(held).toBeGreaterThan(0)
  })

  it("fill against expiry: the fill is held, or another leads, never both", async () => {
    const peers = await peersOf("expiry")
    const outcomes = { fill: 0, lead: 0 }
    const race = async (key: string, leaseFor: number) => {
      const { token } = await lead(peers[0]!, key, "me", { leaseFor })
      const pause = Effect.sleep(leaseFor - 2 + Math.random() * 3)
      const fill = peers[1]!.fill(key, { token, value: value(1), lifetime: lifetime(minute) })
      const others = Array.from({ length: 10 }, (_, i) =>
        Effect.map(
          Effect.andThen(Effect.sleep(leaseFor - 2 + i / 2), peers[i % 4]!.acquire(key, ask(`owner ${i}`))),
          ({ _tag }) => _tag === "Leader"
        )
      )
      const [held, ...led] = await run(
        Effect.all([Effect.andThen(pause, fill), ...others], { concurrency: "unbounded" })
      )
      const leaders = led.filter(Boolean).length
      expect(leaders + (held ? 1 : 0), key).toBeLessThanOrEqual(1)
      const after = await run(peers[2]!.read(key))
      expect(after.value !== undefined).toBe(held)
      expect(after.lease !== undefined).toBe(leaders === 1)
      if (held) outcomes.fill++
      if (leaders > 0) outcomes.lead++
    }
    for (let i = 0; i < keys.length; i += 5) {
      await Promise.all(keys.slice(i, i + 5).map((key) => race(key, 12)))
    }
    expect(outcomes.fill).toBeGreaterThan(0)
    expect(outcomes.lead).toBeGreaterThan(0)
  })

  it("batches in any order never wait for each other", async () => {
    const peers = await peersOf("batches")
    const some = keys.slice(0, callers)
    for (let round = 0; round < 20; round++) {
      await each(some.length, (i) => peers[i % 4]!.put(some[i]!, { value: value(i), lifetime: lifetime(minute) }))
      const gone = await each(8, (i) => peers[i % 4]!.deleteMany!(i % 2 === 0 ? some : some.toReversed()))
      expect(gone.reduce((sum, one) => sum + one, 0)).toBe(some.length)
    }
  })

  it("collection against whoever takes what has ended: nothing that is led or kept is removed", async () => {
    const table = "collect"
    const peers = await peersOf(table)
    const client = clientOf(url)
    const collectors = Array.from({ length: 2 }, () => clientOf(url))
    const outcomes = { removed: 0, led: 0 }
    const ended = 50
    for (let round = 0; round < rounds / 4; round++) {
      // What ended long ago, a value or a lease, as a crash leaves it.
      await client`insert into ${client(table)} (prefix, id, key, changed_at, owner, token, lease_since, lease_until)
        select 'cache', sha256(k::bytea), k::bytea, 0, 'crashed', gen_random_uuid(), 0, 1
        from (select ${`round ${round}`} || ' ' || i as k from generate_series(1, ${ended}) i) t`
      const key = (i: number) => `round ${round} ${i + 1}`
      const collecting = Promise.all(
        collectors.map((client) => run(PostgresAdapter.collect({ client, table, commandTimeout: 10_000 })))
      )
      const taken = await each(ended, (i) =>
        i % 5 === 0
          ? Effect.as(peers[i % 4]!.put(key(i), { value: value(i), lifetime: lifetime(minute) }), undefined)
          : peers[i % 4]!.acquire(key(i), ask(`owner ${i}`))
      )
      outcomes.removed += (await collecting).reduce((sum, one) => sum + one, 0)
      for (const [i, found] of taken.entries()) {
        if (found === undefined) {
          expect((await run(peers[1]!.read(key(i)))).value).toEqual(value(i))
          continue
        }
        // Nobody else asks for it: it is led, and the lease is there.
        if (found._tag !== "Leader") throw new Error(`${key(i)}: ${found._tag}`)
        const fill = { token: found.token, value: value(i), lifetime: lifetime(minute) }
        expect(await run(peers[2]!.fill(key(i), fill)), key(i)).toBe(true)
        outcomes.led++
      }
    }
    expect(outcomes.led).toBe((rounds / 4) * (ended - ended / 5))
    // Some were collected before they were taken, or this is no race.
    expect(outcomes.removed).toBeGreaterThan(0)
  })

  it("setup against setup: all succeed, and there is one table", async () => {
    const clients = Array.from({ length: 4 }, () => clientOf(url))
    for (let round = 0; round < rounds; round++) {
      const options = { schema: round % 10 === 0 ? `schema ${round}` : "public", table: `table ${round}` }
      await each(6, (i) => PostgresAdapter.setup({ ...options, client: clients[i % 4]! }))
    }
    const [row] =
      await clients[0]!`select count(*)::int as tables from pg_class where relname like 'table %' and relkind = 'r'`
    expect(row!["tables"]).toBe(rounds)
  })
})

describe.skipIf(server instanceof Unavailable)(`races of processes${missing(server)}`, () => {
  const start = async (task: object) => {
    const child = spawn(
      process.execPath,
      [
        "--conditions=cache-locking-source",
        new URL("./fixtures/Racer.ts", import.meta.url).pathname,
        JSON.stringify({ url, rounds, callers: 12, tokens: [], ...task })
      ],
      { stdio: ["pipe", "pipe", "inherit"] }
    )
    onTestFinished(() => void child.kill("SIGKILL"))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe("ready")
    return {
      go: () => child.stdin.write("go\n"),
      wins: async (): Promise<ReadonlyArray<number>> => JSON.parse(String((await lines.next()).value))
    }
  }

  const raceOf = async (tasks: ReadonlyArray<object>) => {
    const processes = await Promise.all(tasks.map((task, i) => start({ name: `process ${i}`, ...task })))
    for (const { go } of processes) go()
    return Promise.all(processes.map(({ wins }) => wins()))
  }

  const sums = (wins: ReadonlyArray<ReadonlyArray<number>>) =>
    keys.map((_, round) => wins.reduce((sum, won) => sum + won[round]!, 0))

  it("acquire: one of forty-eight in four processes leads", async () => {
    const table = "processes acquire"
    await adapterOf(url, { table })
    const wins = await raceOf(Array.from({ length: 4 }, () => ({ kind: "acquire", table })))
    expect(sums(wins)).toEqual(keys.map(() => 1))
  })

  it("fill against delete: what was filled is taken away once, and nothing is left", async () => {
    const table = "processes delete"
    const { adapter } = await adapterOf(url, { table })
    const tokens = await run(
      Effect.forEach(keys, (key) =>
        Effect.map(adapter.acquire(key, ask("me", { leaseFor: minute })), (found) => (found as { token: string }).token)
      )
    )
    const wins = await raceOf(["fill", "fill", "delete", "delete"].map((kind) => ({ kind, table, tokens, callers: 6 })))
    // They change their parts with every round.
    const [even, odd] = [sums(wins.slice(0, 2)), sums(wins.slice(2))]
    const filled = keys.map((_, round) => (round % 2 === 0 ? even : odd)[round]!)
    const deleted = keys.map((_, round) => (round % 2 === 0 ? odd : even)[round]!)
    expect(new Set(filled)).toEqual(new Set([0, 1]))
    expect(deleted).toEqual(filled)
    for (const key of keys) expect((await run(adapter.read(key))).value).toBeUndefined()
  })

  it("setup against setup: all succeed", async () => {
    const wins = await raceOf(
      Array.from({ length: 2 }, () => ({ kind: "setup", table: "processes setup", callers: 2 }))
    )
    expect(sums(wins)).toEqual(keys.map(() => 4))
  })
})

import { type Adapter, AdapterError } from "@cache-locking/core"
import { FaultProxy, Postgres, postgresCommands, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import {
  adapterOf,
  ask,
  clientOf,
  closing,
  failureOf,
  lead,
  lifetime,
  minute,
  missing,
  run,
  sentThrough,
  serverOf,
  sleep,
  text,
  value
} from "./fixtures/Support.ts"

const commandTimeout = 300

const server = await serverOf()
const there = !(server instanceof Unavailable)
afterAll(async () => {
  if (there) await server.stop()
})

const unhandled: Array<unknown> = []
const collect = (error: unknown) => unhandled.push(error)
beforeEach(() => {
  unhandled.length = 0
  process.on("unhandledRejection", collect)
  process.on("uncaughtException", collect)
})
afterEach(async () => {
  await sleep(20)
  process.off("unhandledRejection", collect)
  process.off("uncaughtException", collect)
  expect(unhandled).toEqual([])
})

const token = "00000000-0000-0000-0000-000000000000" as never

const verbs = (adapter: Adapter): ReadonlyArray<Effect.Effect<unknown, AdapterError>> => [
  adapter.acquire("k", ask("me")),
  adapter.acquireMany!(["k", "l"], ask("me")),
  adapter.fill("k", { token, value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.fill("k", { token, lifetime: lifetime(minute) }),
  adapter.abandon("k", { token }),
  adapter.renew("k", { token, leaseFor: 1_000 }),
  adapter.delete("k"),
  adapter.put("k", { value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.read("k"),
  adapter.touch("k", { freshFor: 1_000 }),
  adapter.deleteMany!(["k"])
]

/** All verbs fail, typed, retryable and in time. */
const expectUnavailable = async (adapter: Adapter) => {
  const began = performance.now()
  for (const error of await Promise.all(verbs(adapter).map(failureOf))) {
    expect(error).toBeInstanceOf(AdapterError)
    expect(error).toMatchObject({ adapter: "postgres", reason: "Unavailable", retryable: true })
    expect(`${error.message} ${error.cause}`).not.toContain("secret")
  }
  expect(performance.now() - began).toBeLessThan(2 * commandTimeout + 250)
}

const recovers = async (adapter: Adapter) => {
  const began = performance.now()
  for (;;) {
    try {
      await run(adapter.put("after", { value: value(1), lifetime: lifetime(minute) }))
      break
    } catch (error) {
      if (performance.now() - began > 10_000) throw error
      await sleep(20)
    }
  }
  expect((await run(adapter.acquire("after", ask("you"))))._tag).toBe("Hit")
  await run(Effect.scoped(adapter.watch!("after")))
}

describe.skipIf(!there)(`faults${missing(server)}`, () => {
  const opened = async (options: object = {}) => {
    if (!there) throw new Error("no server")
    const proxy = await FaultProxy.start({ target: server, reader: postgresCommands })
    onTestFinished(async () => {
      await proxy.heal()
      await proxy.stop()
    })
    const { adapter, client } = await adapterOf(proxy.url(), { prefix: "faults", commandTimeout, ...options })
    for (const verb of verbs(adapter)) await run(verb)
    await run(Effect.scoped(adapter.watch!("k")))
    await run(adapter.deleteMany!(["k", "l"]))
    return { proxy, client, adapter }
  }

  it("bounds a server that stalls, and asks it little meanwhile", async () => {
    if (!there) return
    const { adapter, proxy } = await opened()
    await server.pause()
    try {
      await expectUnavailable(adapter)
      proxy.resetCommands()
      for (let i = 0; i < 3; i++) await expectUnavailable(adapter)
      // A harmless question now and then, and nothing that would be carried out late.
      expect(sentThrough(proxy).filter((name) => name !== "SELECT")).toEqual([])
      expect(sentThrough(proxy).length).toBeLessThanOrEqual(4)
    } finally {
      await server.resume()
    }
    await recovers(adapter)
  })

  it("bounds a network that swallows everything", async () => {
    const { adapter, proxy } = await opened()
    proxy.blackhole()
    await expectUnavailable(adapter)
    await expectUnavailable(adapter)
    await proxy.heal()
    await recovers(adapter)
  })

  it("bounds a watch that cannot become live", async () => {
    const { adapter, proxy } = await opened()
    await run(adapter.close!)
    proxy.blackhole()
    const began = performance.now()
    const changes = adapter.changes!({ changed: () => {}, lost: () => {}, restored: () => {} })
    for (const effect of [Effect.scoped(adapter.watch!("k")), Effect.scoped(changes)]) {
      expect(await failureOf(effect)).toMatchObject({ reason: "Unavailable" })
    }
    expect(performance.now() - began).toBeLessThan(4 * commandTimeout)
    await proxy.heal()
    await recovers(adapter)
  })

  it("bounds a server that refuses connections, and sends nothing late", async () => {
    const { adapter, proxy } = await opened()
    await proxy.refuse()
    proxy.cut()
    await sleep(20)
    await expectUnavailable(adapter)
    proxy.resetCommands()
    await proxy.heal()
    await sleep(200)
    // What nobody waits for any more was never sent.
    expect(sentThrough(proxy).filter((name) => !["SELECT", "LISTEN"].includes(name))).toEqual([])
    await recovers(adapter)
  })

  it("goes on when all connections were cut, without an error to whoever asks afterwards", async () => {
    const { adapter, proxy } = await opened()
    proxy.cut()
    await sleep(20)
    await run(adapter.put("k", { value: value(1), lifetime: lifetime(minute) }))
    expect((await run(adapter.acquire("k", ask("you"))))._tag).toBe("Hit")
  })

  it("tells whoever was under way when connections were cut", async () => {
    const { adapter, proxy } = await opened()
    proxy.delay(100)
    const errors = Promise.all(verbs(adapter).map(failureOf))
    await sleep(30)
    proxy.cut()
    for (const error of await errors) expect(error).toMatchObject({ reason: "Unavailable" })
    await proxy.heal()
    await recovers(adapter)
  })

  it("answers again who asks again after a lost reply: the same lease", async () => {
    const { adapter, proxy } = await opened()
    proxy.dropReplies(1, { after: "ACQUIRE" })
    expect(await failureOf(adapter.acquire("lost", ask("me")))).toMatchObject({ reason: "Unavailable" })
    const before = await run(adapter.read("lost"))
    expect(before.lease?.owner).toBe("me")
    const again = await lead(adapter, "lost", "me")
    expect((await lead(adapter, "lost", "me")).token).toBe(again.token)
    expect((await run(adapter.acquire("lost", ask("you"))))._tag).toBe("Follower")
    await run(adapter.delete("lost"))
  })

  it("takes a statement back that waited for a connection, when its caller leaves", async () => {
    const { adapter, proxy } = await opened()
    await proxy.refuse()
    proxy.cut()
    await sleep(20)
    await failureOf(adapter.read("k"))
    proxy.blackhole()
    await proxy.heal()
    proxy.blackhole()
    proxy.resetCommands()
    const put = adapter.put("left", { value: value(1), lifetime: lifetime(minute) })
    await run(Effect.timeoutOption(put, 30))
    await proxy.heal()
    await recovers(adapter)
    expect((await run(adapter.read("left"))).value).toBeUndefined()
  })

  it("a session that the server ends, and a server that has no room", async () => {
    if (!there) return
    const { adapter } = await opened()
    const eye = clientOf(server.url)
    await eye`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`
    await recovers(adapter)
    await eye`create role crowded login connection limit 0`
    const crowded = PostgresAdapter.make({
      client: clientOf(server.url.replace("postgres@", "crowded@")),
      commandTimeout
    })
    expect(await failureOf(crowded.read("k"))).toMatchObject({ reason: "Unavailable" })
    await eye`alter role crowded connection limit -1`
    await eye`grant select on cache_locking to crowded`
    await run(crowded.read("k"))
  })

  it("a pool that others keep busy is a timeout, not a deadlock", async () => {
    const { adapter, client } = await opened()
    const busy = Promise.all(Array.from({ length: 4 }, () => client`select pg_sleep(1.5)`))
    await sleep(20)
    const began = performance.now()
    expect(await failureOf(adapter.read("k"))).toMatchObject({ message: `no answer within ${commandTimeout} ms` })
    expect(performance.now() - began).toBeLessThan(1_400)
    await busy
    await recovers(adapter)
  })

  it("finds a server that came back empty: once it is set up again, all is as new", async () => {
    const own = await Postgres.start({ own: true })
    onTestFinished(() => own.stop())
    const { adapter, client } = await adapterOf(own.url, { commandTimeout: 2_000 })
    const { token } = await lead(adapter, "k")
    await run(adapter.put("seen", { value: value(1), lifetime: lifetime(minute) }))
    for (let i = 0; i < 8; i++) await run(adapter.acquire("seen", ask("you")))
    await own.kill()
    expect(await failureOf(adapter.read("k"))).toMatchObject({ reason: "Unavailable" })
    await own.restart()
    await expect.poll(async () => (await failureOf(adapter.read("k"))).message).toContain("PostgresAdapter.setup")
    await run(PostgresAdapter.setup({ client }))
    expect(await run(adapter.renew("k", { token, leaseFor: 1_000 }))).toBe(false)
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
    expect((await run(adapter.acquire("seen", ask("you"))))._tag).toBe("Leader")
    expect((await run(adapter.acquire("k", ask("you"))))._tag).toBe("Leader")
    await run(Effect.scoped(adapter.watch!("k")))
  })

  it("goes on over a table that was dropped and made again", async () => {
    if (!there) return
    const { adapter, client } = await adapterOf(server.url, { table: "dropped" }, { max: 1 })
    for (let i = 0; i < 8; i++) await run(adapter.put("k", { value: value(1), lifetime: lifetime(minute) }))
    await client`drop table dropped`
    await run(PostgresAdapter.setup({ client, table: "dropped" }))
    expect((await run(adapter.acquire("k", ask("me"))))._tag).toBe("Leader")
    await run(adapter.put("k", { value: value(1), lifetime: lifetime(minute) }))
  })

  it("leaves no timer or connection behind", async () => {
    const { adapter, proxy } = await opened()
    await run(adapter.close!)
    await expect.poll(() => proxy.stats.open).toBeLessThanOrEqual(4)
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
    const timersBefore = timers()
    await proxy.refuse()
    proxy.cut()
    await sleep(20)
    for (let i = 0; i < 3; i++) await expectUnavailable(adapter)
    await proxy.heal()
    await recovers(adapter)
    await run(adapter.close!)
    await sleep(commandTimeout + 50)
    // The client's own four.
    expect(proxy.stats.open).toBeLessThanOrEqual(4)
    expect(timers()).toBeLessThanOrEqual(timersBefore)
  })

  it("a client that was ended says so", async () => {
    if (!there) return
    const client = clientOf(server.url)
    const adapter = closing(PostgresAdapter.make({ client, commandTimeout }))
    await run(adapter.read("k"))
    await client.end()
    await expectUnavailable(adapter)
    expect(await failureOf(Effect.scoped(adapter.watch!("k")))).toMatchObject({ reason: "Unavailable" })
  })
})

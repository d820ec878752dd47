import {
  allVerbs,
  expectRecovery,
  expectUnavailable,
  failureOf,
  lifetime,
  minute,
  put,
  run,
  sleep,
  subscriptions,
  tagOf,
  value
} from "@cache-locking/conformance-kit/testing"
import { failOnUnhandled, suiteUnderFaults } from "@cache-locking/conformance-kit/vitest"
import { Postgres } from "@cache-locking/test-servers"
import { serverOfFile, serverOfTest } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { adapterOf, clientOf, closing, proxied, sentThrough } from "./fixtures/Support.ts"

const commandTimeout = 300
const within = 2 * commandTimeout + 250

const server = await serverOfFile(Postgres.start({ own: true }))
failOnUnhandled()

// postgres.js leaves the rejection of its own query for types unhandled when a connection is reset meanwhile.
const opened = () => proxied(server, { prefix: "canary-faults", commandTimeout }, { fetch_types: false })

/** Harmless questions, which change nothing when they are answered late. */
const asking = ["SELECT", "LISTEN"]

suiteUnderFaults({
  name: "Postgres",
  within,
  server,
  granting: "ACQUIRE",
  keepsBackOnceFailed: true,
  open: async () => {
    const { adapter, client, proxy, sent } = await opened()
    return {
      adapter,
      network: proxy,
      secrets: ["canary-faults"],
      sent: () => sent.take().filter((name) => !asking.includes(name)),
      close: () => client.end({ timeout: 0 })
    }
  },
  emptied: async () => {
    const own = await serverOfTest(Postgres.start({ own: true }))
    const { adapter, client } = await adapterOf(own.url, { commandTimeout: 2_000 })
    const restart = async () => {
      await own.kill()
      expect(await failureOf(adapter.read("k"))).toMatchObject({ reason: "Unavailable" })
      await own.restart()
      await expect.poll(async () => (await failureOf(adapter.read("k"))).message).toContain("PostgresAdapter.setup")
      await run(PostgresAdapter.setup({ client }))
    }
    return { adapter, restart }
  }
})

it("asks a server that stalls little meanwhile", async () => {
  const { adapter, proxy } = await opened()
  await server.pause()
  try {
    await expectUnavailable(adapter, within)
    proxy.resetCommands()
    for (let i = 0; i < 3; i++) await expectUnavailable(adapter, within)
    // A harmless question now and then, and nothing that would be carried out late.
    expect(sentThrough(proxy).filter((name) => name !== "SELECT")).toEqual([])
    expect(sentThrough(proxy).length).toBeLessThanOrEqual(4)
  } finally {
    await server.resume()
  }
  await expectRecovery(adapter)
})

it("goes on when all connections were cut, without an error for later calls", async () => {
  const { adapter, proxy } = await opened()
  await run(adapter.read("k"))
  proxy.cut()
  await sleep(20)
  await put(adapter, "k")
  expect(await tagOf(adapter, "k")).toBe("Hit")
})

it("fails the calls that were under way when connections were cut", async () => {
  const { adapter, proxy } = await opened()
  await run(adapter.read("k"))
  proxy.delay(100)
  const errors = Promise.all(allVerbs(adapter).map(([, call]) => failureOf(call)))
  await sleep(30)
  proxy.cut()
  for (const error of await errors) expect(error).toMatchObject({ reason: "Unavailable" })
  await proxy.heal()
  await expectRecovery(adapter)
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
  const left = adapter.put("left", { value: value(1), lifetime: lifetime(minute) })
  await run(Effect.timeoutOption(left, 30))
  await proxy.heal()
  await expectRecovery(adapter)
  expect((await run(adapter.read("left"))).value).toBeUndefined()
})

it("a session that the server ends, and a server that has no room", async () => {
  const { adapter } = await opened()
  const eye = clientOf(server.url)
  await eye`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`
  await expectRecovery(adapter)
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
  await expectRecovery(adapter)
})

it("goes on over a table that was dropped and made again", async () => {
  const { adapter, client } = await adapterOf(server.url, { table: "dropped" }, { max: 1 })
  for (let i = 0; i < 8; i++) await put(adapter, "k")
  await client`drop table dropped`
  await run(PostgresAdapter.setup({ client, table: "dropped" }))
  expect(await tagOf(adapter, "k", "me")).toBe("Leader")
  await put(adapter, "k")
})

it("a client that was ended says so, and that asking again helps nobody", async () => {
  const client = clientOf(server.url)
  const adapter = closing(PostgresAdapter.make({ client, commandTimeout }))
  await run(adapter.read("k"))
  await client.end()
  for (const [, call] of [...allVerbs(adapter), ...subscriptions(adapter)]) {
    expect(await failureOf(call)).toMatchObject({ reason: "Rejected", retryable: false })
  }
})

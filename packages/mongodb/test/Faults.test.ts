import {
  allVerbs,
  ask,
  expectRecovery,
  expectUnavailable,
  failureOf,
  put,
  run
} from "@cache-locking/conformance-kit/testing"
import { failOnUnhandled, suiteUnderFaults } from "@cache-locking/conformance-kit/vitest"
import { MongoDb } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { MongoDbAdapter } from "../src/index.ts"
import { clientOf, collectionName, proxyOf, sentTo } from "./fixtures/Support.ts"

const commandTimeout = 400
const database = "faults"

const server = await serverOfFile(MongoDb.start({ own: true }))

failOnUnhandled()

const within = 2 * commandTimeout + 500

/** The driver looks for a lost server twice a second, not every ten. */
const impatient = { heartbeatFrequencyMS: 500, minHeartbeatFrequencyMS: 50, connectTimeoutMS: 1_000 }

const opened = async () => {
  const proxy = await proxyOf(server)
  const client = clientOf(proxy.url(), impatient)
  const adapter = MongoDbAdapter.make({ client, database, collection: collectionName(), commandTimeout })
  // A first connection to a busy machine may take longer than a verb.
  await client.connect()
  return { proxy, client, adapter }
}

suiteUnderFaults({
  name: "MongoDB",
  within,
  server,
  granting: "FINDANDMODIFY",
  lateness: 700,
  // The stand-in has no change streams.
  subscribes: server.engine === "mongodb",
  open: async () => {
    const { adapter, client, proxy } = await opened()
    return {
      adapter,
      network: proxy,
      sent: sentTo(proxy).take,
      listeners: () => client.eventNames().reduce((sum, name) => sum + client.listenerCount(name), 0),
      close: () => client.close()
    }
  },
  emptied: async () => {
    const client = clientOf(server.url, impatient)
    const place = { client, database, collection: collectionName() }
    const adapter = MongoDbAdapter.make({ ...place, commandTimeout: 2_000 })
    const restart = async () => {
      await server.kill()
      expect(await failureOf(adapter.read("seen"))).toMatchObject({ reason: "Unavailable" })
      await server.restart()
      await expectRecovery(adapter, false)
      expect(await run(MongoDbAdapter.setup(place))).toHaveLength(1)
    }
    return { adapter, restart }
  }
})

describe("a server that does not answer", () => {
  it("is bounded when the network swallows everything, and costs no connection for longer", async () => {
    const { adapter, proxy } = await opened()
    const { connections } = proxy.stats
    proxy.blackhole()
    for (let i = 0; i < 3; i++) await expectUnavailable(adapter, within)
    await proxy.heal()
    await expectRecovery(adapter, false)
    // Each call that was given up closed its connection; the driver opens a few for itself.
    await expect.poll(() => proxy.stats.open).toBeLessThan(12)
    expect(proxy.stats.connections).toBeGreaterThan(connections)
  })

  it("is bounded for a client that never was connected", async () => {
    const client = clientOf("mongodb://127.0.0.1:1")
    await expectUnavailable(MongoDbAdapter.make({ client, commandTimeout }), within)
  })
})

describe("a connection", () => {
  it("that is cut in the middle of an answer is a typed failure, and another is opened", async () => {
    const { adapter, proxy } = await opened()
    await put(adapter, "k", { bytes: new Uint8Array(100_000) })
    proxy.limitBytes(1_000)
    const found = await run(Effect.result(adapter.acquire("k", ask("me"))))
    if (found._tag === "Failure") expect(found.failure).toMatchObject({ reason: "Unavailable" })
    await proxy.heal()
    await expectRecovery(adapter, false)
    expect(await run(adapter.acquire("k", ask("me")))).toMatchObject({ _tag: "Hit" })
  })
})

it("sends nothing to a client that is closed, and says so", async () => {
  const client = clientOf(server.url)
  const adapter = MongoDbAdapter.make({ client, database, collection: collectionName(), commandTimeout })
  await client.connect()
  await put(adapter, "k")
  await client.close()
  // It stays closed: asking again helps nobody.
  for (const [, call] of allVerbs(adapter)) {
    expect(await failureOf(call)).toMatchObject({ reason: "Rejected", retryable: false })
  }
  await client.connect()
  await expectRecovery(adapter, false)
})

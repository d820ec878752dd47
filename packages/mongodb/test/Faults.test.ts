import { type Adapter, AdapterError } from "@cache-locking/core"
import { type MongoDb, timers, timersDownTo, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { MongoDbAdapter } from "../src/index.ts"
import {
  ask,
  clientOf,
  collectionName,
  commandsOf,
  failureOf,
  lead,
  lifetime,
  minute,
  proxyTo,
  run,
  sleep,
  startServer,
  text,
  value
} from "./fixtures/Support.ts"

const commandTimeout = 400
const database = "faults"

let server: MongoDb | Unavailable
beforeAll(async () => {
  server = await startServer({ own: true })
})
afterAll(async () => {
  if (!(server instanceof Unavailable)) await server?.stop()
})

const unhandled: Array<unknown> = []
const collect = (error: unknown) => unhandled.push(error)
beforeEach((context) => {
  if (server instanceof Unavailable) context.skip(server.message)
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

const mongo = () => server as MongoDb

const verbs = (adapter: Adapter): ReadonlyArray<Effect.Effect<unknown, AdapterError>> => [
  adapter.acquire("k", ask("me")),
  adapter.acquire("k", ask("me", { force: true })),
  adapter.fill("k", { token: "t" as never, value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.abandon("k", { token: "t" as never }),
  adapter.renew("k", { token: "t" as never, leaseFor: 1_000 }),
  adapter.delete("k"),
  adapter.put("k", { value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.read("k"),
  adapter.touch("k", { freshFor: 1_000 }),
  adapter.acquireMany!(["k", "l"], ask("me")),
  adapter.deleteMany!(["k", "l"]),
  Stream.runDrain(adapter.keys!(""))
]

/** All verbs fail, typed, retryable and in time. */
const expectUnavailable = async (adapter: Adapter) => {
  const began = performance.now()
  const watching = [
    Effect.scoped(adapter.watch!("k")),
    Effect.scoped(adapter.changes!({ changed: () => {}, lost: () => {}, restored: () => {} }))
  ]
  for (const error of await Promise.all(
    [...verbs(adapter), ...watching].map((verb) => failureOf<unknown, AdapterError>(verb))
  )) {
    expect(error).toBeInstanceOf(AdapterError)
    expect(error).toMatchObject({ adapter: "mongodb", reason: "Unavailable", retryable: true })
    expect(error.message).not.toContain("secret")
  }
  expect(performance.now() - began).toBeLessThan(2 * commandTimeout + 500)
}

const recovers = async (adapter: Adapter) => {
  const began = performance.now()
  for (;;) {
    try {
      await run(adapter.put("after", { value: value(1), lifetime: lifetime(minute) }))
      break
    } catch (error) {
      if (performance.now() - began > 15_000) throw error
      await sleep(20)
    }
  }
  expect((await run(adapter.acquire("after", ask("you"))))._tag).toBe("Hit")
}

/** The driver looks for a lost server twice a second, not every ten. */
const impatient = { heartbeatFrequencyMS: 500, minHeartbeatFrequencyMS: 50, connectTimeoutMS: 1_000 }

const opened = async () => {
  const proxy = await proxyTo(mongo())
  const client = clientOf(proxy.url(), impatient)
  const adapter = MongoDbAdapter.make({ client, database, collection: collectionName(), commandTimeout })
  // A first connection to a busy machine may take longer than a verb.
  await client.connect()
  for (const verb of verbs(adapter)) await run(verb)
  await run(adapter.delete("k"))
  return { proxy, client, adapter }
}

describe("a server that does not answer", () => {
  it("is bounded when it stalls", async () => {
    const { adapter } = await opened()
    await mongo().pause()
    try {
      await expectUnavailable(adapter)
      await expectUnavailable(adapter)
    } finally {
      await mongo().resume()
    }
    await recovers(adapter)
  })

  it("is bounded when the network swallows everything, and costs no connection for longer", async () => {
    const { adapter, proxy } = await opened()
    const { connections } = proxy.stats
    proxy.blackhole()
    for (let i = 0; i < 3; i++) await expectUnavailable(adapter)
    await proxy.heal()
    await recovers(adapter)
    // Each that was given up closed what it waited on; the driver's own are a few.
    await expect.poll(() => proxy.stats.open).toBeLessThan(12)
    expect(proxy.stats.connections).toBeGreaterThan(connections)
  })

  it("is bounded when it refuses connections, and is sent nothing late", async () => {
    const { adapter, proxy } = await opened()
    await proxy.refuse()
    proxy.cut()
    await sleep(20)
    await expectUnavailable(adapter)
    proxy.resetCommands()
    await proxy.heal()
    await sleep(700)
    // What nobody waits for any more was never sent.
    expect(commandsOf(proxy)).toEqual([])
    await recovers(adapter)
  })

  it("is bounded for a client that never was connected", async () => {
    const client = clientOf("mongodb://127.0.0.1:1")
    await expectUnavailable(MongoDbAdapter.make({ client, commandTimeout }))
  })
})

describe("a connection", () => {
  it("that is cut in the middle of an answer is a typed failure, and another is opened", async () => {
    const { adapter, proxy } = await opened()
    await run(adapter.put("k", { value: { bytes: new Uint8Array(100_000) }, lifetime: lifetime(minute) }))
    proxy.limitBytes(1_000)
    const found = await run(Effect.result(adapter.acquire("k", ask("me"))))
    if (found._tag === "Failure") expect(found.failure).toMatchObject({ reason: "Unavailable" })
    await proxy.heal()
    await recovers(adapter)
    expect(await run(adapter.acquire("k", ask("me")))).toMatchObject({ _tag: "Hit" })
  })

  it("whose answer is lost has not cost the lease: who asks again leads it", async () => {
    const { adapter, proxy } = await opened()
    proxy.dropReplies(1, { after: "FINDANDMODIFY" })
    const first = await run(Effect.result(adapter.acquire("lost", ask("me"))))
    await proxy.heal()
    await recovers(adapter)
    const again = await lead(adapter, "lost", "me")
    if (first._tag === "Success") expect(first.success).toMatchObject({ token: again.token })
    else expect(first.failure).toMatchObject({ reason: "Unavailable" })
    expect((await run(adapter.acquire("lost", ask("you"))))._tag).toBe("Follower")
    expect(await run(adapter.fill("lost", { token: again.token, value: value(1), lifetime: lifetime(minute) }))).toBe(
      true
    )
  })

  it("is waited for no longer than for an answer, and then it goes on", async () => {
    const { adapter, proxy } = await opened()
    await proxy.refuse()
    proxy.cut()
    await sleep(20)
    const healed = sleep(60).then(() => proxy.heal())
    await recovers(adapter)
    await healed
  })
})

it("sends nothing to a client that is closed, and says so", async () => {
  const client = clientOf(mongo().url)
  const adapter = MongoDbAdapter.make({ client, database, collection: collectionName(), commandTimeout })
  await client.connect()
  await run(adapter.put("k", { value: value(1), lifetime: lifetime(minute) }))
  await client.close()
  for (const verb of verbs(adapter)) {
    expect(await failureOf<unknown, AdapterError>(verb)).toMatchObject({ reason: "Unavailable" })
  }
})

it("leaves no listener, timer or connection behind", async () => {
  const { adapter, client, proxy } = await opened()
  const listeners = () => client.eventNames().reduce((sum, name) => sum + client.listenerCount(name), 0)
  const before = { listeners: listeners(), timers: timers() }
  await proxy.refuse()
  proxy.cut()
  for (let i = 0; i < 3; i++) await expectUnavailable(adapter)
  await proxy.heal()
  await recovers(adapter)
  await run(adapter.close!)
  expect(await timersDownTo(before.timers + 2)).toBeLessThanOrEqual(before.timers + 2)
  expect(listeners()).toBe(before.listeners)
  await client.close()
  await expect.poll(() => proxy.stats.open).toBe(0)
  expect(await timersDownTo(before.timers)).toBeLessThanOrEqual(before.timers)
})

it("takes back what its callers left", async () => {
  const { adapter, proxy } = await opened()
  await proxy.refuse()
  proxy.cut()
  await sleep(20)
  const fibers = verbs(adapter).map((verb) => Effect.runFork(verb))
  await sleep(30)
  await run(Fiber.interruptAll(fibers))
  proxy.resetCommands()
  await proxy.heal()
  await sleep(700)
  expect(commandsOf(proxy)).toEqual([])
  await recovers(adapter)
})

// The last one: it empties the server.
it("finds a server that came back empty: no value, no lease, and needs no new adapter", async () => {
  const client = clientOf(mongo().url, impatient)
  const collection = collectionName()
  const adapter = MongoDbAdapter.make({ client, database, collection, commandTimeout: 2_000 })
  const { token } = await lead(adapter, "k")
  await run(adapter.put("seen", { value: value(1), lifetime: lifetime(minute) }))
  await mongo().kill()
  expect(await failureOf(adapter.read("seen"))).toMatchObject({ reason: "Unavailable" })
  await mongo().restart()
  await recovers(adapter)
  expect(await run(adapter.renew("k", { token, leaseFor: 1_000 }))).toBe(false)
  expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
  expect((await run(adapter.acquire("seen", ask("you"))))._tag).toBe("Leader")
  expect((await run(adapter.acquire("k", ask("you"))))._tag).toBe("Leader")
  expect(await run(MongoDbAdapter.setup({ client, database, collection }))).toHaveLength(1)
})

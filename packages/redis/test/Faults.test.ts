import { type Adapter, AdapterError } from "@cache-locking/core"
import { FaultProxy, Redis as RedisServer, type Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import {
  ask,
  closing,
  failureOf,
  ioredis,
  lead,
  lifetime,
  minute,
  nodeRedis,
  run,
  sleep,
  text,
  value
} from "./fixtures/Support.ts"

const commandTimeout = 250

let server: Server
beforeAll(async () => {
  server = await RedisServer.start({ own: true })
})
afterAll(() => server?.stop())

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

const clients = [
  { kind: "ioredis", open: async (url: string): Promise<RedisAdapter.Client> => ioredis(url) },
  { kind: "node-redis", open: async (url: string): Promise<RedisAdapter.Client> => nodeRedis(url) }
]

const verbs = (adapter: Adapter): ReadonlyArray<Effect.Effect<unknown, AdapterError>> => [
  adapter.acquire("k", ask("me")),
  adapter.fill("k", { token: "t" as never, value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.abandon("k", { token: "t" as never }),
  adapter.renew("k", { token: "t" as never, leaseFor: 1_000 }),
  adapter.delete("k"),
  adapter.put("k", { value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.read("k"),
  adapter.touch("k", { freshFor: 1_000 }),
  adapter.acquireMany!(["k", "l"], ask("me")),
  adapter.deleteMany!(["k"]),
  Effect.scoped(adapter.watch!("k")),
  Effect.scoped(adapter.changes!({ changed: () => {}, lost: () => {}, restored: () => {} }))
]

/** All verbs fail, typed, retryable and in time. */
const expectUnavailable = async (adapter: Adapter) => {
  const began = performance.now()
  for (const error of await Promise.all(verbs(adapter).map(failureOf))) {
    expect(error).toBeInstanceOf(AdapterError)
    expect(error).toMatchObject({ adapter: "redis", reason: "Unavailable", retryable: true })
    expect(error.message).not.toContain("secret")
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

describe.each(clients)("over $kind", ({ kind, open }) => {
  const opened = async () => {
    const proxy = await FaultProxy.start({ target: server })
    const client = await open(proxy.url())
    onTestFinished(async () => {
      await proxy.heal()
      await sleep(0)
      await proxy.stop()
    })
    const adapter = closing(RedisAdapter.make({ client, prefix: `faults-${kind}`, commandTimeout }))
    for (const verb of verbs(adapter)) await run(verb)
    await run(adapter.delete("k"))
    return { proxy, client, adapter }
  }

  it("bounds a server that stalls", async () => {
    const { adapter } = await opened()
    await server.pause()
    try {
      await expectUnavailable(adapter)
      await expectUnavailable(adapter)
    } finally {
      await server.resume()
    }
    await recovers(adapter)
  })

  it("bounds a hit by GET too", async () => {
    const { adapter } = await opened()
    await run(adapter.put("hot", { value: value(1), lifetime: lifetime(minute) }))
    for (let i = 0; i < 2; i++) await run(adapter.acquire("hot", ask("you")))
    await server.pause()
    try {
      expect(await failureOf(adapter.acquire("hot", ask("you")))).toMatchObject({ reason: "Unavailable" })
    } finally {
      await server.resume()
    }
  })

  it("bounds a network that swallows everything", async () => {
    const { adapter, proxy } = await opened()
    proxy.blackhole()
    await expectUnavailable(adapter)
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
    await sleep(600)
    // What nobody waits for any more was never sent.
    const sent = proxy.commands().filter(({ name }) => name.startsWith("EVAL") || name === "GET")
    expect(sent).toEqual([])
    await recovers(adapter)
  })

  it("answers again who asks again after a lost reply: the same lease", async () => {
    const { adapter, proxy } = await opened()
    proxy.dropReplies(1, { after: "EVALSHA" })
    const first = await run(Effect.result(adapter.acquire("lost", ask("me"))))
    const again = await lead(adapter, "lost", "me")
    if (first._tag === "Success") expect(first.success).toMatchObject({ token: again.token })
    else expect(first.failure).toMatchObject({ reason: "Unavailable" })
    expect((await run(adapter.acquire("lost", ask("you"))))._tag).toBe("Follower")
    await run(adapter.delete("lost"))
  })

  it("waits for the connection no longer than for an answer, and then goes on", async () => {
    const { adapter, proxy } = await opened()
    await proxy.refuse()
    proxy.cut()
    await sleep(20)
    const healed = sleep(60).then(() => proxy.heal())
    await recovers(adapter)
    await healed
  })

  it("finds a server that came back empty: no value, no lease, no script", async () => {
    const own = await RedisServer.start({ own: true })
    onTestFinished(() => own.stop())
    const adapter = closing(RedisAdapter.make({ client: await open(own.url), prefix: "empty", commandTimeout: 2_000 }))
    const { token } = await lead(adapter, "k")
    await run(adapter.put("seen", { value: value(1), lifetime: lifetime(minute) }))
    for (let i = 0; i < 2; i++) await run(adapter.acquire("seen", ask("you")))
    await own.restart()
    expect(await run(Effect.retry(adapter.renew("k", { token, leaseFor: 1_000 }), { times: 5 }))).toBe(false)
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
    expect((await run(adapter.acquire("seen", ask("you"))))._tag).toBe("Leader")
    expect((await run(adapter.acquire("k", ask("you"))))._tag).toBe("Leader")
  })

  it("leaves no listener, timer or connection behind", async () => {
    const { adapter, client, proxy } = await opened()
    await run(adapter.close!)
    await sleep(30)
    const emitter = client as unknown as NodeJS.EventEmitter
    const listeners = () => emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
    const before = { listeners: listeners(), open: proxy.stats.open }
    const timersBefore = timers()
    await proxy.refuse()
    proxy.cut()
    await sleep(20)
    for (let i = 0; i < 3; i++) await expectUnavailable(adapter)
    await proxy.heal()
    await recovers(adapter)
    await run(adapter.close!)
    await sleep(commandTimeout + 50)
    expect({ listeners: listeners(), open: proxy.stats.open }).toEqual(before)
    expect(timers()).toBeLessThanOrEqual(timersBefore)
  })
})

it("sends nothing to a client that is closed, and says so", async () => {
  const client = ioredis(server.url)
  const adapter = RedisAdapter.make({ client, prefix: "closed" })
  await run(adapter.put("k", { value: value(1), lifetime: lifetime(minute) }))
  const other = await nodeRedis(server.url)
  const overNodeRedis = RedisAdapter.make({ client: other, prefix: "closed" })
  client.disconnect()
  other.destroy()
  await sleep(20)
  await expectUnavailable(adapter)
  await expectUnavailable(overNodeRedis)
})

it("connects a lazy client", async () => {
  const client = ioredis(server.url, { lazyConnect: true })
  const adapter = RedisAdapter.make({ client, prefix: "lazy" })
  expect(client.status).toBe("wait")
  await run(adapter.put("k", { value: value(1), lifetime: lifetime(minute) }))
})

import {
  ask,
  failureOf,
  lead,
  lifetime,
  listening,
  minute,
  put,
  run,
  sleep,
  tagOf,
  until,
  value,
  watching
} from "@cache-locking/conformance-kit/testing"
import { AdapterError } from "@cache-locking/core"
import { Redis as RedisServer } from "@cache-locking/test-servers"
import { proxyTo, serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import type { Redis } from "ioredis"
import { describe, expect, it } from "vitest"
import { RedisAdapter } from "../../src/index.ts"
import { clients, closing, ioredis, nodeRedis } from "../fixtures/Support.ts"

const server = await serverOfFile(RedisServer.start({ own: true }))
let admin: Redis

const channels = async (): Promise<Array<string>> => (await admin.pubsub("CHANNELS", "*")) as Array<string>

const connections = async (): Promise<number> =>
  Number(/connected_clients:(\d+)/.exec(await admin.info("clients"))?.[1])

describe.each(clients)("watching with $kind", ({ kind, open }) => {
  const opened = async (name: string) => {
    admin = ioredis(server.url)
    const prefix = `${kind}-${name}`
    const [client, other] = [await open(server.url), await open(server.url)]
    for (const each of [client, other, admin] as ReadonlyArray<unknown>) await (each as Redis).ping()
    return {
      client,
      adapter: closing(RedisAdapter.make({ client, prefix })),
      there: RedisAdapter.make({ client: other, prefix })
    }
  }

  it("wakes at every change by anybody, once it is live, and at nothing else", async () => {
    const { adapter, there } = await opened("wakes")
    const fresh = lifetime(minute)
    const changes: ReadonlyArray<(key: string) => Promise<unknown>> = [
      async (key) => run(there.fill(key, { token: (await lead(there, key)).token, value: value(1), lifetime: fresh })),
      async (key) => run(there.abandon(key, { token: (await lead(there, key)).token })),
      async (key) => run(there.abandon(key, { token: (await lead(there, key)).token, cooldown: 10 })),
      (key) => put(there, key, value(1), fresh),
      async (key) => {
        await lead(there, key)
        await run(there.delete(key))
      }
    ]
    for (const [i, change] of changes.entries()) {
      const key = `k${i}{}`
      const { leave, woken } = await watching(adapter, key)
      const other = await watching(adapter, `${key}?`)
      await change(key)
      await woken
      expect(other.isWoken()).toBe(false)
      await Promise.all([leave(), other.leave()])
    }
    const quiet = await watching(adapter, "quiet")
    const { token } = await lead(there, "quiet")
    await run(there.renew("quiet", { token, leaseFor: 1_000 }))
    await run(there.fill("quiet", { token: "lost" as never, value: value(1), lifetime: fresh }))
    await run(there.delete("another"))
    await sleep(30)
    expect(quiet.isWoken()).toBe(false)
    await quiet.leave()
  })

  it("remembers a change that came before anybody waited for it", async () => {
    const { adapter, there } = await opened("latch")
    await run(
      Effect.scoped(
        Effect.gen(function* () {
          const changed = yield* adapter.watch!("k")
          yield* there.put("k", { value: value(1), lifetime: lifetime(minute) })
          yield* Effect.sleep(30)
          yield* changed
        })
      )
    )
  })

  it("takes one subscription and one connection, however many watch", async () => {
    const { adapter, client } = await opened("count")
    const before = await connections()
    const watchers = await Promise.all(Array.from({ length: 50 }, (_, i) => watching(adapter, `k${i % 5}`)))
    expect((await channels()).length).toBe(5)
    expect(await connections()).toBe(before + 1)
    const same = RedisAdapter.make({ client, prefix: `${kind}-count` })
    watchers.push(await watching(same, "k0"))
    expect(await connections()).toBe(before + 1)
    await put(adapter, "k0")
    await until("all wake-ups", () => watchers.filter(({ isWoken }) => isWoken()).length === 11)
    await Promise.all(watchers.map(({ leave }) => leave()))
    await until("the unsubscribing", async () => (await channels()).length === 0)
    await run(adapter.close!)
    await until("the disconnecting", async () => (await connections()) === before)
  })

  it("leaves no listener on the client, nor on its way", async () => {
    const { adapter, client } = await opened("listeners")
    const emitter = client as unknown as NodeJS.EventEmitter
    const count = () => emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)
    const before = count()
    for (let i = 0; i < 30; i++) {
      const { leave } = await watching(adapter, `k${i}`)
      expect(count()).toBe(before + 1)
      await leave()
    }
    await run(adapter.close!)
    expect(count()).toBe(before)
  })

  it("comes back at once after leaving", async () => {
    const { adapter, there } = await opened("again")
    for (let i = 0; i < 30; i++) {
      const first = await watching(adapter, "k")
      const leaving = first.leave()
      const second = await watching(adapter, "k")
      await leaving
      await put(there, "k", value(i))
      await second.woken
      await second.leave()
    }
    await until("the unsubscribing", async () => (await channels()).length === 0)
  })

  it("leaves no subscription behind when it is given up half-way", async () => {
    const { adapter } = await opened("interrupted")
    for (let i = 0; i < 20; i++) {
      const fiber = Effect.runFork(Effect.scoped(Effect.andThen(adapter.watch!(`k${i}`), Effect.never)))
      await sleep(i % 4)
      fiber.interruptUnsafe()
    }
    await until("the unsubscribing", async () => (await channels()).length === 0)
  })

  it("wakes everybody when the connection is lost, and works again", async () => {
    const { there } = await opened("lost")
    const proxy = await proxyTo(server)
    const adapter = closing(RedisAdapter.make({ client: await open(proxy.url()), prefix: `${kind}-lost` }))
    const watchers = await Promise.all(["a", "b", "c"].map((key) => watching(adapter, key)))
    proxy.cut()
    await Promise.all(watchers.map(({ woken }) => woken))
    await Promise.all(watchers.map(({ leave }) => leave()))
    const again = await watching(adapter, "a")
    expect(again.isWoken()).toBe(false)
    await put(there, "a")
    await again.woken
    await again.leave()
  })

  it("closes with the adapter, waking whoever is left, and opens again", async () => {
    const { adapter, there } = await opened("close")
    const before = await connections()
    const { leave, woken } = await watching(adapter, "k")
    await run(adapter.close!)
    await run(adapter.close!)
    await woken
    await until("the disconnecting", async () => (await connections()) === before)
    await leave()
    const again = await watching(adapter, "k")
    await put(there, "k")
    await again.woken
    await again.leave()
  })

  it("fails, typed, where pub/sub is refused; all else goes on", async () => {
    await opened("refused")
    await admin.acl("SETUSER", "mute", "on", ">pw", "~*", "+@all", "-subscribe", "-ssubscribe", "resetchannels")
    const url = server.url.replace("redis://", "redis://mute:pw@")
    const adapter = closing(RedisAdapter.make({ client: await open(url), prefix: `${kind}-refused` }))
    for (let i = 0; i < 2; i++) {
      const error = await failureOf(Effect.scoped(adapter.watch!("k")))
      expect(error).toBeInstanceOf(AdapterError)
      expect(error).toMatchObject({ operation: "watch", key: "k", reason: "Rejected" })
      const silent = { changed: () => {}, lost: () => {}, restored: () => {} }
      const refusal = await failureOf(Effect.scoped(adapter.changes!(silent)))
      expect(refusal).toMatchObject({ operation: "changes", reason: "Rejected" })
    }
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
    expect(await tagOf(adapter, "k")).toBe("Hit")
    expect(await run(adapter.delete("k"))).toBe(true)
  })

  it("tells the changes of all keys, and of no other prefix", async () => {
    const { adapter, there } = await opened("feed")
    const other = closing(RedisAdapter.make({ client: await open(server.url), prefix: `${kind}-fee` }))
    const { heard, leave } = await listening(adapter)
    const keys = ["a", "", "{}", "d*"]
    for (const key of keys) {
      const { token } = await lead(there, key)
      await run(there.renew(key, { token, leaseFor: 1_000 }))
      await run(there.fill(key, { token, value: value(1), lifetime: lifetime(minute) }))
      await run(there.touch(key, { freshFor: minute }))
      await put(there, key, value(2))
      await run(there.delete(key))
      await run(there.abandon(key, { token: (await lead(there, key)).token }))
      await put(other, key, value(2))
    }
    await until("the changes", () => heard.length >= 12)
    await sleep(20)
    expect(heard).toEqual(keys.flatMap((key) => [key, key, key]))
    await leave()
    await put(there, "a", value(2))
    await sleep(20)
    expect(heard.length).toBe(12)
    await until("the unsubscribing", async () => Number(await admin.pubsub("NUMPAT")) === 0)
  })

  it("tells the changes to all who listen over one subscription, and the last to go ends it", async () => {
    const { adapter, client, there } = await opened("feeds*[a]")
    const patterns = async () => Number(await admin.pubsub("NUMPAT"))
    const before = await connections()
    const same = RedisAdapter.make({ client, prefix: `${kind}-feeds*[a]` })
    const similar = RedisAdapter.make({ client, prefix: `${kind}-feeds and a` })
    const listeners = await Promise.all([adapter, adapter, same, same].map(listening))
    const watcher = await watching(adapter, "*")
    expect([await patterns(), await connections()]).toEqual([1, before + 1])
    await put(similar, "*")
    await put(there, "*")
    await watcher.woken
    await until("the changes", () => listeners.every(({ heard }) => heard.length === 1))
    expect(listeners.map(({ heard }) => heard)).toEqual([["*"], ["*"], ["*"], ["*"]])
    await watcher.leave()
    const [last, ...others] = listeners
    await Promise.all(others.map(({ leave }) => leave()))
    await run(there.delete("*"))
    await until("the change", () => last!.heard.length === 2)
    expect(await patterns()).toBe(1)
    await last!.leave()
    await until("the unsubscribing", async () => (await patterns()) === 0)
  })

  it("goes on to tell changes when another adapter over the client is closed", async () => {
    const { adapter, client, there } = await opened("beside")
    const other = closing(RedisAdapter.make({ client, prefix: "another" }))
    const [mine, others] = [await listening(adapter), await listening(other)]
    await run(other.close!)
    await until("the return", () => mine.heard.at(-1) === "restored")
    await put(there, "k")
    await until("the change", () => mine.heard.at(-1) === "k")
    expect([mine.heard, others.heard]).toEqual([["lost", "restored", "k"], ["lost"]])
    await mine.leave()
  })

  it("says when changes may be missed, and when no longer", async () => {
    const { there } = await opened("relost")
    const proxy = await proxyTo(server)
    const adapter = closing(RedisAdapter.make({ client: await open(proxy.url()), prefix: `${kind}-relost` }))
    const { heard, leave } = await listening(adapter)
    for (let i = 0; i < 2; i++) {
      await proxy.refuse()
      proxy.cut()
      await until("the loss", () => heard.at(-1) === "lost")
      await sleep(100)
      await proxy.heal()
      await until("the return", () => heard.at(-1) === "restored")
      await put(there, `k${i}`)
      await until("the change", () => heard.at(-1) === `k${i}`)
    }
    expect(heard).toEqual(["lost", "restored", "k0", "lost", "restored", "k1"])
    await run(adapter.close!)
    await sleep(150)
    expect(heard.at(-1)).toBe("lost")
    await leave()
  })

  it("ends with its client", async () => {
    const { adapter, client } = await opened("end")
    const { leave, woken } = await watching(adapter, "k")
    if ("getBuffer" in client) (client as unknown as Redis).disconnect()
    else (client as unknown as { destroy(): void }).destroy()
    await woken
    await until("the unsubscribing", async () => (await channels()).length === 0)
    await leave()
  })
})

it("goes on listening in silence, whatever time a node-redis client gives its own socket", async () => {
  const socketTimeout = 150
  const client = await nodeRedis(server.url, { socket: { socketTimeout }, commandsQueueMaxLength: 4 })
  const adapter = closing(RedisAdapter.make({ client, prefix: "silence" }))
  const there = RedisAdapter.make({ client: ioredis(server.url), prefix: "silence" })
  const feed = await listening(adapter)
  // More at once than the client's own queue may hold.
  const watchers = await Promise.all(Array.from({ length: 10 }, (_, i) => watching(adapter, `k${i}`)))
  await sleep(4 * socketTimeout)
  expect(watchers.map(({ isWoken }) => isWoken())).not.toContain(true)
  expect(feed.heard).toEqual([])
  await put(there, "k0")
  await watchers[0]!.woken
  await Promise.all([...watchers, feed].map(({ leave }) => leave()))
})

describe("what listening costs", () => {
  it("is one command to begin and one to end", async () => {
    admin = ioredis(server.url)
    const proxy = await proxyTo(server)
    const adapter = closing(RedisAdapter.make({ client: ioredis(proxy.url()), prefix: "listening" }))
    await run(adapter.acquire("warm", ask("me")))
    proxy.resetCommands()
    const listeners = [await listening(adapter), await listening(adapter), await listening(adapter)]
    await Promise.all(listeners.map(({ leave }) => leave()))
    await until("the unsubscribing", async () => Number(await admin.pubsub("NUMPAT")) === 0)
    expect(proxy.commands().map(({ name }) => name)).toEqual(["PSUBSCRIBE", "PUNSUBSCRIBE"])
  })
})

describe("what waiting costs", () => {
  it("is acquire, subscribe, acquire, unsubscribe for each process that waits", async () => {
    admin = ioredis(server.url)
    const proxy = await proxyTo(server)
    const adapter = closing(RedisAdapter.make({ client: ioredis(proxy.url()), prefix: "cost" }))
    await run(adapter.acquire("warm", ask("me")))
    const leader = RedisAdapter.make({ client: ioredis(server.url), prefix: "cost" })
    const { token } = await lead(leader, "k")
    proxy.resetCommands()
    expect(await tagOf(adapter, "k", "follower")).toBe("Follower")
    const { leave, woken } = await watching(adapter, "k")
    const filledAt = performance.now()
    await run(leader.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))
    await woken
    expect(performance.now() - filledAt).toBeLessThan(50)
    expect(await tagOf(adapter, "k", "follower")).toBe("Hit")
    await leave()
    await until("the unsubscribing", async () => (await channels()).length === 0)
    // Opening the connection costs no command of its own.
    expect(proxy.commands().map(({ name }) => name)).toEqual(["EVALSHA", "SUBSCRIBE", "EVALSHA", "UNSUBSCRIBE"])
  })
})

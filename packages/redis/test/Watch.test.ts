import { type Adapter, AdapterError } from "@cache-locking/core"
import { Redis as RedisServer, type Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
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
  proxyTo,
  run,
  sleep,
  value
} from "./fixtures/Support.ts"

let server: Server
let admin: Redis
beforeAll(async () => {
  server = await RedisServer.start({ own: true })
}, 300_000)
afterAll(() => server?.stop())

/** A live watcher, and what became of it. */
const watch = async (adapter: Adapter, key: string) => {
  const scope = Scope.makeUnsafe()
  const changed = await run(Scope.provide(adapter.watch!(key), scope))
  const state = { woken: 0, at: 0 }
  run(changed).then(() => {
    state.woken++
    state.at = performance.now()
  })
  return { state, leave: () => run(Scope.close(scope, Exit.void)) }
}

const until = async (what: string, condition: () => boolean | Promise<boolean>) => {
  const began = performance.now()
  while (!(await condition())) {
    if (performance.now() - began > 5_000) throw new Error(`${what} did not come`)
    await sleep(5)
  }
}

const channels = async (): Promise<Array<string>> => (await admin.pubsub("CHANNELS", "*")) as Array<string>

const connections = async (): Promise<number> =>
  Number(/connected_clients:(\d+)/.exec(await admin.info("clients"))?.[1])

const clients = [
  { kind: "ioredis", open: async (url: string): Promise<RedisAdapter.Client> => ioredis(url) },
  { kind: "node-redis", open: async (url: string): Promise<RedisAdapter.Client> => nodeRedis(url) }
]

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
      (key) => run(there.put(key, { value: value(1), lifetime: fresh })),
      async (key) => {
        await lead(there, key)
        await run(there.delete(key))
      }
    ]
    for (const [i, change] of changes.entries()) {
      const key = `k${i}{}`
      const { leave, state } = await watch(adapter, key)
      const other = await watch(adapter, `${key}?`)
      await change(key)
      await until("the wake-up", () => state.woken === 1)
      expect(other.state.woken).toBe(0)
      await Promise.all([leave(), other.leave()])
    }
    const quiet = await watch(adapter, "quiet")
    const { token } = await lead(there, "quiet")
    await run(there.renew("quiet", { token, leaseFor: 1_000 }))
    await run(there.fill("quiet", { token: "lost" as never, value: value(1), lifetime: fresh }))
    await run(there.delete("another"))
    await sleep(30)
    expect(quiet.state.woken).toBe(0)
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
    const watchers = await Promise.all(Array.from({ length: 50 }, (_, i) => watch(adapter, `k${i % 5}`)))
    expect((await channels()).length).toBe(5)
    expect(await connections()).toBe(before + 1)
    const same = RedisAdapter.make({ client, prefix: `${kind}-count` })
    watchers.push(await watch(same, "k0"))
    expect(await connections()).toBe(before + 1)
    await run(adapter.put("k0", { value: value(1), lifetime: lifetime(minute) }))
    await until("all wake-ups", () => watchers.filter(({ state }) => state.woken).length === 11)
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
      const { leave } = await watch(adapter, `k${i}`)
      expect(count()).toBe(before + 1)
      await leave()
    }
    await run(adapter.close!)
    expect(count()).toBe(before)
  })

  it("comes back at once after leaving", async () => {
    const { adapter, there } = await opened("again")
    for (let i = 0; i < 30; i++) {
      const first = await watch(adapter, "k")
      const leaving = first.leave()
      const second = await watch(adapter, "k")
      await leaving
      await run(there.put("k", { value: value(i), lifetime: lifetime(minute) }))
      await until("the wake-up", () => second.state.woken === 1)
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
    const watchers = await Promise.all(["a", "b", "c"].map((key) => watch(adapter, key)))
    proxy.cut()
    await until("the wake-ups", () => watchers.every(({ state }) => state.woken === 1))
    await Promise.all(watchers.map(({ leave }) => leave()))
    const again = await watch(adapter, "a")
    expect(again.state.woken).toBe(0)
    await run(there.put("a", { value: value(1), lifetime: lifetime(minute) }))
    await until("the wake-up", () => again.state.woken === 1)
    await again.leave()
  })

  it("closes with the adapter, waking whoever is left, and opens again", async () => {
    const { adapter, there } = await opened("close")
    const before = await connections()
    const { leave, state } = await watch(adapter, "k")
    await run(adapter.close!)
    await run(adapter.close!)
    await until("the wake-up", () => state.woken === 1)
    await until("the disconnecting", async () => (await connections()) === before)
    await leave()
    const again = await watch(adapter, "k")
    await run(there.put("k", { value: value(1), lifetime: lifetime(minute) }))
    await until("the wake-up", () => again.state.woken === 1)
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
    }
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
    expect((await run(adapter.acquire("k", ask("you"))))._tag).toBe("Hit")
    expect(await run(adapter.delete("k"))).toBe(true)
  })

  it("ends with its client", async () => {
    const { adapter, client } = await opened("end")
    const { leave, state } = await watch(adapter, "k")
    if ("getBuffer" in client) (client as unknown as Redis).disconnect()
    else (client as unknown as { destroy(): void }).destroy()
    await until("the wake-up", () => state.woken === 1)
    await until("the unsubscribing", async () => (await channels()).length === 0)
    await leave()
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
    expect((await run(adapter.acquire("k", ask("follower"))))._tag).toBe("Follower")
    const { leave, state } = await watch(adapter, "k")
    const filledAt = performance.now()
    await run(leader.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))
    await until("the wake-up", () => state.woken === 1)
    expect(state.at - filledAt).toBeLessThan(50)
    expect((await run(adapter.acquire("k", ask("follower"))))._tag).toBe("Hit")
    await leave()
    await until("the unsubscribing", async () => (await channels()).length === 0)
    // Opening the connection costs no command of its own.
    expect(proxy.commands().map(({ name }) => name)).toEqual(["EVALSHA", "SUBSCRIBE", "EVALSHA", "UNSUBSCRIBE"])
  })
})

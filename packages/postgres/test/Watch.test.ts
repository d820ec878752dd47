import {
  failureOf,
  lead,
  lifetime,
  listening,
  minute,
  put,
  run,
  sleep,
  watching
} from "@cache-locking/conformance-kit/testing"
import { Postgres } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { Link } from "../src/Link.ts"
import { Subscriber } from "../src/Subscriber.ts"
import { adapterOf, clientOf, proxied, sentThrough } from "./fixtures/Support.ts"

const server = await serverOfFile(Postgres.start({ own: true }))
const { url } = server

describe("watch", () => {
  const opened = async (options: object = {}) => {
    const far = await adapterOf(url, { prefix: "watch" }, { max: 2 })
    const here = await proxied(server, { prefix: "watch", ...options }, { max: 1, fetch_types: false })
    return { proxy: here.proxy, here: here.adapter, far: far.adapter }
  }

  it("is woken by every verb that changes its key, and by no other key, prefix or verb", async () => {
    const { far, here } = await opened()
    const other = (await adapterOf(url, { prefix: "another" })).adapter
    const woken = async (change: () => Promise<unknown>) => {
      const { woken: done } = await watching(here, "k")
      await change()
      await done
    }
    await woken(() => put(far, "k"))
    await woken(async () => {
      const { token } = await lead(far, "k", "me", { force: true })
      await run(far.fill("k", { token, lifetime: lifetime(minute) }))
    })
    await woken(async () => run(far.abandon("k", { token: (await lead(far, "k", "me", { force: true })).token })))
    await woken(() => run(far.delete("k")))
    const { isWoken, woken: done } = await watching(here, "k")
    await put(far, "K")
    await put(other, "k")
    await run(far.delete("none"))
    const { token } = await lead(far, "k")
    await run(far.renew("k", { token, leaseFor: minute }))
    await run(far.touch("k", { freshFor: minute }))
    // A change that is reported after all these.
    const last = await watching(here, "last")
    await put(far, "last")
    await last.woken
    expect(isWoken()).toBe(false)
    await run(far.deleteMany!(["k"]))
    await done
  })

  it("costs a connection, once, and then one query, for any number of watchers of any keys", async () => {
    const { here, proxy } = await opened()
    await run(here.read("k"))
    const before = proxy.stats.connections
    proxy.resetCommands()
    await Promise.all(Array.from({ length: 50 }, (_, i) => watching(here, `k${i % 5}`)))
    expect(proxy.stats.connections).toBe(before + 1)
    expect(sentThrough(proxy)).toEqual(["LISTEN", "SELECT"])
    proxy.resetCommands()
    await Promise.all(Array.from({ length: 50 }, (_, i) => watching(here, `k${i}`)))
    expect(sentThrough(proxy).length).toBeLessThanOrEqual(2)
    expect(proxy.stats.connections).toBe(before + 1)
  })

  it("is not woken by an earlier change, however late its message comes", async () => {
    const { far, here, proxy } = await opened()
    await run(Effect.scoped(here.watch!("k")))
    proxy.delay(60)
    await put(far, "k")
    const { isWoken, woken: done } = await watching(here, "k")
    await sleep(100)
    expect(isWoken()).toBe(false)
    await put(far, "k")
    await done
  })

  it("is woken when its connection is lost, and the next one opens another", async () => {
    const { far, here, proxy } = await opened()
    const first = await watching(here, "k")
    proxy.cut()
    await first.woken
    const second = await watching(here, "k")
    await put(far, "k")
    await second.woken
  })

  describe("in time", () => {
    const real = setTimeout

    /** Real time, until the test makes it go faster. */
    const passing = async <A>(promise: Promise<A>): Promise<A> => {
      let over = false
      const done = () => {
        over = true
      }
      promise.then(done, done)
      while (!over) {
        await new Promise((resolve) => real(resolve, 2))
        vi.advanceTimersByTime(2)
      }
      return promise
    }

    const timed = async () => {
      const { here, proxy } = await opened()
      await run(here.read("k"))
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] })
      onTestFinished(() => void vi.useRealTimers())
      return { here, proxy, before: proxy.stats.open }
    }

    const turns = async () => {
      for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    }

    it("keeps a connection that nobody needs for ten seconds, and no longer", async () => {
      const { before, here, proxy } = await timed()
      await passing(run(Effect.scoped(here.watch!("k"))))
      vi.advanceTimersByTime(9_000)
      await passing(run(Effect.scoped(here.watch!("l"))))
      vi.advanceTimersByTime(9_900)
      await turns()
      expect(proxy.stats.open).toBe(before + 1)
      vi.advanceTimersByTime(200)
      await expect.poll(() => proxy.stats.open).toBe(before)
      expect(vi.getTimerCount()).toBe(0)
    })

    it("is woken when its connection is dead unnoticed: a ping checks it every fifteen seconds", async () => {
      const { here, proxy } = await timed()
      const { isWoken, woken: done } = await passing(watching(here, "k"))
      for (let i = 0; i < 3; i++) {
        proxy.resetCommands()
        vi.advanceTimersByTime(15_000)
        await expect.poll(() => sentThrough(proxy)).toEqual(["SELECT"])
        await turns()
      }
      proxy.blackhole()
      vi.advanceTimersByTime(15_000)
      await turns()
      expect(isWoken()).toBe(false)
      vi.advanceTimersByTime(2_100)
      await passing(done)
    })
  })

  it("is woken when the adapter is closed", async () => {
    const { here } = await opened()
    const { woken: done } = await watching(here, "k")
    await run(here.close!)
    await done
  })

  it("joins and leaves at once, again and again, and nothing is left", async () => {
    const { far, here, proxy } = await opened()
    const connections = proxy.stats.connections
    for (let i = 0; i < 50; i++) {
      const scope = Scope.makeUnsafe()
      const joining = Effect.runFork(Scope.provide(here.watch!("k"), scope))
      if (i % 2 === 0) await sleep(0)
      await run(Scope.close(scope, Exit.void))
      await run(Fiber.interrupt(joining))
    }
    const { woken: done } = await watching(here, "k")
    await put(far, "k")
    await done
    expect(proxy.stats.connections - connections).toBeLessThanOrEqual(2)
  })

  it("fails where LISTEN receives nothing, and does not try again for a while", async () => {
    // As behind a pooler: another session than the one that listens gets the messages.
    const link = new Link(clientOf(url))
    link.send = async () => []
    const subscriber = new Subscriber(link)
    const join = () =>
      subscriber.join({ channel: "cache_locking_x", id: "x" }, { onMessage: () => {}, onLost: () => {} }, 200)
    await expect(join().live).rejects.toThrow(/pooler/)
    const began = performance.now()
    await expect(join().live).rejects.toThrow(/pooler/)
    // An attempt takes 200.
    expect(performance.now() - began).toBeLessThan(190)
  })
})

describe("changes", () => {
  const opened = async () => {
    const far = await adapterOf(url, { prefix: "changes" }, { max: 4 })
    const here = await proxied(server, { prefix: "changes", commandTimeout: 500 }, { max: 2, fetch_types: false })
    return { proxy: here.proxy, here: here.adapter, far: far.adapter, client: far.client }
  }

  it("are reported by key, many looked up at once", async () => {
    const { far, here, proxy } = await opened()
    const { heard: told } = await listening(here)
    proxy.resetCommands()
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => put(far, key)))
    await expect.poll(() => new Set(told).size).toBe(300)
    expect([...new Set(told)].sort()).toEqual(keys.sort())
    const looked = sentThrough(proxy)
    expect(new Set(looked)).toEqual(new Set(["LOOKUP"]))
    expect(looked.length).toBeLessThan(300)
    told.length = 0
    await run(far.deleteMany!(keys))
    await expect.poll(() => new Set(told).size).toBe(300)
  })

  it("are reported at once, without a look-up, for keys that this process uses", async () => {
    const { far, here, proxy } = await opened()
    const { heard: told } = await listening(here)
    await run(here.read("read"))
    await lead(here, "led")
    await put(here, "put")
    await expect.poll(() => told).toEqual(["put"])
    proxy.resetCommands()
    for (const key of ["read", "led", "put"]) await put(far, key)
    await expect.poll(() => told).toEqual(["put", "read", "led", "put"])
    expect(sentThrough(proxy)).toEqual([])
  })

  it("report the change of a key whose row is gone as a loss of everything", async () => {
    const { client, far, here } = await opened()
    const { heard: told } = await listening(here)
    await put(far, "k")
    await expect.poll(() => told).toEqual(["k"])
    told.length = 0
    await client.begin(async (transaction) => {
      await transaction`select pg_notify(${(far.identity as { channel: string }).channel}, ${`v${"0".repeat(64)}`})`
    })
    await expect.poll(() => told).toEqual(["lost", "restored"])
  })

  it("say lost when the connection is cut, come back by themselves, and say so", async () => {
    const { far, here, proxy } = await opened()
    const { heard: told } = await listening(here)
    await proxy.refuse()
    proxy.cut()
    await expect.poll(() => told).toEqual(["lost"])
    await put(far, "missed")
    await sleep(100)
    expect(told).toEqual(["lost"])
    await proxy.heal()
    await expect.poll(() => told).toEqual(["lost", "restored"])
    await put(far, "k")
    await expect.poll(() => told).toEqual(["lost", "restored", "k"])
  })

  it("say lost when keys cannot be looked up, and restored when they can be again", async () => {
    const { far, here, proxy } = await opened()
    const { heard: told } = await listening(here)
    proxy.dropReplies(1, { after: "LOOKUP" })
    await put(far, "k")
    await expect.poll(() => told).toEqual(["lost", "restored"])
    await put(far, "l")
    await expect.poll(() => told).toEqual(["lost", "restored", "l"])
  })

  it("end with their scope, and with close", async () => {
    const { far, here } = await opened()
    const first = await listening(here)
    const second = await listening(here)
    await first.leave()
    await put(far, "k")
    await expect.poll(() => second.heard).toEqual(["k"])
    await run(here.close!)
    expect(first.heard).toEqual([])
    expect(second.heard).toEqual(["k", "lost"])
    await put(far, "l")
    await sleep(100)
    expect(second.heard).toEqual(["k", "lost"])
  })

  it("fail, typed, where there is no server", async () => {
    const { here, proxy } = await opened()
    await proxy.refuse()
    proxy.cut()
    const failing = Effect.scoped(here.changes!({ changed: () => {}, lost: () => {}, restored: () => {} }))
    expect(await failureOf(failing)).toMatchObject({ operation: "changes", reason: "Unavailable" })
  })
})

import {
  allVerbs,
  ask,
  expectRecovery,
  expectUnavailable,
  failureOf,
  hitOf,
  lead,
  lifetime,
  minute,
  put,
  recorded,
  run,
  sleep,
  tagOf,
  text,
  value
} from "@cache-locking/conformance-kit/testing"
import { failOnUnhandled, suiteUnderFaults } from "@cache-locking/conformance-kit/vitest"
import type { Adapter, AdapterError } from "@cache-locking/core"
import { Memcached } from "@cache-locking/test-servers"
import { overServer, serverOfTest } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished } from "vitest"
import { MemcachedAdapter } from "../src/index.ts"
import * as Keyspace from "../src/Keyspace.ts"
import { consistent } from "../src/Routing.ts"
import { clientOf, open, proxyOf } from "./fixtures/Support.ts"
import * as TextClient from "./fixtures/TextClient.ts"

await overServer(Memcached.start({ own: true }), (server) => {
  const commandTimeout = 200

  const within = 2 * commandTimeout + 1_000
  failOnUnhandled()

  const unavailable = (adapter: Adapter) => expectUnavailable(adapter, within)

  /** At once: no connection that was lost is asked. */
  const works = (adapter: Adapter) => expectRecovery(adapter, false, 0)

  const opened = async () => {
    const proxy = await proxyOf(server)
    const prefix = `faults-${performance.now()}`
    return { proxy, prefix, adapter: open(proxy.url(), { prefix, commandTimeout }) }
  }

  suiteUnderFaults({
    name: "Memcached",
    within,
    server,
    granting: "ADD",
    recoversAtOnce: true,
    lateness: commandTimeout,
    open: async () => {
      const { adapter, prefix, proxy } = await opened()
      return { adapter, network: proxy, secrets: [prefix], sent: recorded(proxy).take }
    },
    emptied: async () => {
      const own = await serverOfTest(Memcached.start({ own: true }))
      return { adapter: open(own.url, { commandTimeout }), restart: () => own.restart() }
    }
  })

  describe("a server", () => {
    it("that carries out an abandoned request late fills nothing that others lead", async () => {
      const { adapter } = await opened()
      const { token } = await lead(adapter, "late")
      await server.pause()
      const fill = adapter.fill("late", { token, value: value(1), lifetime: lifetime(minute) })
      let error: AdapterError
      try {
        error = await failureOf(fill)
      } finally {
        await server.resume()
      }
      expect(error).toMatchObject({ reason: "Unavailable" })
      // Whichever came first: a fill that is there, or a delete after which it cannot be.
      await run(adapter.delete("late"))
      await sleep(50)
      expect((await run(adapter.read("late"))).value).toBeUndefined()
      const next = await lead(adapter, "late", "you")
      expect(await run(fill)).toBe(false)
      expect(await run(adapter.fill("late", { token: next.token, value: value(2), lifetime: lifetime(minute) }))).toBe(
        true
      )
    })

    it("that came back empty has no value and no lease, and counts its versions anew", async () => {
      const own = await serverOfTest(Memcached.start({ own: true }))
      const adapter = open(own.url, { commandTimeout })
      const other = open(own.url, { commandTimeout })
      const { token } = await lead(adapter, "k")
      await put(adapter, "value")
      await own.kill()
      await unavailable(adapter)
      await own.restart()
      // The same number of writes as before: the other's lease has the version that the first one had.
      const next = await lead(other, "k", "you")
      expect(await run(adapter.renew("k", { token, leaseFor: 1_000 }))).toBe(false)
      expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
      expect(await tagOf(adapter, "k", "me")).toBe("Follower")
      expect(await run(other.fill("k", { token: next.token, value: value(2), lifetime: lifetime(minute) }))).toBe(true)
      expect(await tagOf(adapter, "value", "me")).toBe("Leader")
    })

    it("that was restarted between a leader's acquire and its fill is not filled by version alone", async () => {
      const own = await serverOfTest(Memcached.start({ own: true }))
      const adapter = open(own.url, { commandTimeout: 2_000 })
      const { token } = await lead(adapter, "k")
      await own.restart()
      const other = open(own.url)
      await lead(other, "k", "you")
      // The first thing that it asks after the restart; versions begin at 1 again.
      expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
      expect((await run(other.read("k"))).lease).toMatchObject({ owner: "you" })
    })

    it("that is flushed has lost its leases: a second load, never two fills", async () => {
      const { adapter } = await opened()
      const { token } = await lead(adapter, "flushed")
      await put(adapter, "value")
      await TextClient.flushAll(server.url)
      expect(await tagOf(adapter, "value", "me")).toBe("Leader")
      const next = await lead(adapter, "flushed", "you")
      expect(await run(adapter.renew("flushed", { token, leaseFor: 1_000 }))).toBe(false)
      expect(await run(adapter.fill("flushed", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
      const fill = { token: next.token, value: value(2), lifetime: lifetime(minute) }
      expect(await run(adapter.fill("flushed", fill))).toBe(true)
      expect((await hitOf(adapter, "flushed", "me")).value.bytes).toEqual(value(2).bytes)
    })

    it("that is flushed, and nobody else leads: the fill is lost with the lease", async () => {
      const { adapter } = await opened()
      const { token } = await lead(adapter, "alone")
      await TextClient.flushAll(server.url)
      expect(await run(adapter.fill("alone", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
      expect((await run(adapter.read("alone"))).value).toBeUndefined()
    })

    it("that evicts a lease: a second load, never two fills", async () => {
      const small = await serverOfTest(Memcached.start({ own: true, args: ["-m", "2"] }))
      const adapter = open(small.url)
      const { token } = await lead(adapter, "evicted")
      // Leases too, with keys as long: the server evicts among items of one size.
      const others = (start: number) => Array.from({ length: 2_000 }, (_, i) => `b${100_000 + start + i}`)
      for (let start = 0; (await TextClient.namesOf(small.url, "cache{evicted}")).length > 0; start += 2_000) {
        expect(start).toBeLessThan(100_000)
        await Promise.all(others(start).map((key) => lead(adapter, key)))
      }
      expect(await TextClient.statOf(small.url, "evictions")).toBeGreaterThan(0)
      const next = await lead(adapter, "evicted", "you")
      expect(await run(adapter.fill("evicted", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
      const fill = { token: next.token, value: value(2), lifetime: lifetime(minute) }
      expect(await run(adapter.fill("evicted", fill))).toBe(true)
    })

    it("that is out of memory says so, as a temporary failure", async () => {
      const full = await serverOfTest(Memcached.start({ own: true, args: ["-m", "2", "-M"] }))
      const adapter = open(full.url)
      const ballast = { value: { bytes: new Uint8Array(200_000) }, lifetime: lifetime(minute) }
      const put = (key: string) => run(Effect.result(adapter.put(key, ballast)))
      const results = await Promise.all(Array.from({ length: 40 }, (_, i) => put(`k${i}`)))
      const failures = results.flatMap((result) => (result._tag === "Failure" ? [result.failure] : []))
      expect(failures.length).toBeGreaterThan(0)
      for (const failure of failures) {
        expect(failure).toMatchObject({ reason: "Unavailable", message: "the server is out of memory" })
      }
    })

    it("that is one of several and is gone: its keys are a typed error, the others' go on", async () => {
      const other = await serverOfTest(Memcached.start({ own: true }))
      const urls = [server.url, other.url]
      const adapter = MemcachedAdapter.make({ client: clientOf(...urls), prefix: "several", commandTimeout })
      onTestFinished(() => run(adapter.close!))
      const route = consistent(urls.map((url) => url.replace("memcached://", "")))
      const keys = Array.from({ length: 50 }, (_, i) => `k${i}`)
      const lives = (key: string) => route(Keyspace.nameOf("several", key)) === 0
      for (const key of keys) await put(adapter, key, text(key))
      await other.kill()
      const began = performance.now()
      const found = await Promise.all(keys.map((key) => run(Effect.result(adapter.acquire(key, ask("me"))))))
      expect(performance.now() - began).toBeLessThan(2 * commandTimeout + 1_000)
      for (const [index, result] of found.entries()) {
        if (lives(keys[index]!)) expect(result).toMatchObject({ _tag: "Success", success: { _tag: "Hit" } })
        else expect(result).toMatchObject({ _tag: "Failure", failure: { reason: "Unavailable" } })
      }
      expect(new Set(keys.map(lives)).size).toBe(2)
      await other.restart()
      for (const key of keys) {
        expect(await tagOf(adapter, key, "me")).toBe(lives(key) ? "Hit" : "Leader")
      }
    })
  })

  describe("a network", () => {
    it("that cuts connections costs at most the calls that were out", async () => {
      const { adapter, proxy } = await opened()
      for (let round = 0; round < 20; round++) {
        proxy.cut()
        await sleep(5)
        await works(adapter)
      }
      proxy.delay(50)
      const out = Promise.all(allVerbs(adapter).map(([, call]) => failureOf(call)))
      await sleep(20)
      proxy.cut()
      for (const error of await out) expect(error).toMatchObject({ reason: "Unavailable" })
      await proxy.heal()
      await works(adapter)
    })

    it("that cuts a large reply short leaves nothing of it to the next", async () => {
      const { adapter, proxy } = await opened()
      const bytes = new Uint8Array(300_000).fill(5)
      await put(adapter, "large", { bytes })
      for (const most of [10, 24, 30, 100_000, 299_999]) {
        proxy.limitBytes(most)
        expect(await failureOf(adapter.read("large"))).toMatchObject({ reason: "Unavailable" })
        await proxy.heal()
        const { value } = await hitOf(adapter, "large", "me")
        expect(Buffer.compare(value.bytes, bytes)).toBe(0)
      }
    })

    it("that loses the reply to GET: asked again, the caller has the same lease", async () => {
      const { adapter, proxy } = await opened()
      proxy.dropReplies(1, { after: "GET" })
      expect(await failureOf(adapter.acquire("lost", ask("me")))).toMatchObject({ reason: "Unavailable" })
      const { token } = await lead(adapter, "lost")
      expect((await lead(adapter, "lost")).token).toBe(token)
      expect(await tagOf(adapter, "lost")).toBe("Follower")
      expect(await run(adapter.fill("lost", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
    })

    it("that loses the reply to a fill: its value is there", async () => {
      const { adapter, proxy } = await opened()
      const { token } = await lead(adapter, "filled")
      const fill = adapter.fill("filled", { token, value: value(7), lifetime: lifetime(minute) })
      proxy.dropReplies(1, { after: "REPLACE" })
      expect(await failureOf(fill)).toMatchObject({ reason: "Unavailable" })
      expect(await run(fill)).toBe(false)
      expect((await hitOf(adapter, "filled")).value.bytes).toEqual(value(7).bytes)
    })
  })

  describe("nothing is left behind", () => {
    it("by callers that leave", async () => {
      const { adapter, proxy } = await opened()
      proxy.blackhole()
      for (const [, call] of allVerbs(adapter)) await run(Effect.timeoutOption(call, 5))
      await sleep(commandTimeout + 50)
      await proxy.heal()
      proxy.resetCommands()
      await works(adapter)
      await expect.poll(() => proxy.stats.open).toBe(1)
    })

    it("by a silent connection on which every caller leaves before its time", async () => {
      const { adapter, proxy } = await opened()
      const { connections } = proxy.stats
      proxy.dropReplies()
      for (let i = 0; i < 10; i++) await run(Effect.ignore(Effect.timeoutOption(adapter.read("k"), 30)))
      // The silent one was given up meanwhile, though nobody waited long enough to find out.
      expect(proxy.stats.connections).toBeGreaterThan(connections)
      await proxy.heal()
      await sleep(20)
      await works(adapter)
    })

    it("by a process that was busy for longer than its bound: the reply came in time", async () => {
      const adapter = open(server.url, { commandTimeout })
      await put(adapter, "busy")
      const asking = run(adapter.acquire("busy", ask("me")))
      // It is sent, and nothing was read yet.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => process.nextTick(resolve))
      const end = performance.now() + 2 * commandTimeout
      while (performance.now() < end);
      expect((await asking)._tag).toBe("Hit")
    })

    it("by close, again and again", async () => {
      const { adapter, proxy } = await opened()
      for (let round = 0; round < 5; round++) {
        await run(adapter.close!)
        await run(adapter.close!)
        await works(adapter)
      }
      await run(adapter.close!)
      await expect.poll(() => proxy.stats.open).toBe(0)
    })
  })

  it("sends nothing to a server that is not there, and says so", async () => {
    const adapter = open("memcached://127.0.0.1:1", { commandTimeout })
    await unavailable(adapter)
    const nowhere = open("memcached://no.such.host.invalid:1", { commandTimeout })
    await unavailable(nowhere)
  })
})

import { ask, lifetime, minute, run, value } from "@cache-locking/conformance-kit/testing"
import { Adapter, InvalidOption, ListingAdapter, MemoryAdapter } from "@cache-locking/core"
import type { FaultProxy } from "@cache-locking/test-servers"
import { Memcached } from "@cache-locking/test-servers"
import { expectToEnd, overServer } from "@cache-locking/test-servers/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { describe, expect, it } from "vitest"
import { MemcachedAdapter } from "../src/index.ts"
import { clientOf, proxyOf } from "./fixtures/Support.ts"
import * as TextClient from "./fixtures/TextClient.ts"

await overServer(Memcached.start({ own: true }), (server) => {
  /** Uses the adapter of the context, and returns the number of connections then. */
  const use = (proxy: FaultProxy) =>
    Effect.gen(function* () {
      const adapter = yield* Adapter
      yield* adapter.put("k", { value: value(1), lifetime: lifetime(minute) })
      return { tag: (yield* adapter.acquire("k", ask("me")))._tag, open: proxy.stats.open }
    })

  describe("layer", () => {
    it("closes what the adapter opened, and leaves the client open", async () => {
      const proxy = await proxyOf(server)
      const client = clientOf(proxy.url())
      await client.set("mine", "v", {})
      const layer = MemcachedAdapter.layer({ client, prefix: "layer" })
      expect(await run(Effect.provide(use(proxy), layer))).toEqual({ tag: "Hit", open: 2 })
      await expect.poll(() => proxy.stats.open).toBe(1)
      expect((await client.get("mine")).value?.toString()).toBe("v")
      expect(proxy.stats.connections).toBe(2)
      client.close()
    })

    it("throws for bad options at once", () => {
      expect(() => MemcachedAdapter.layer({ client: clientOf(server.url), prefix: "{" })).toThrow(InvalidOption)
    })

    it("lists no keys, unless the leases are where keys can be listed", async () => {
      const found = async (layer: Layer.Layer<Adapter>) =>
        (await run(Effect.provide(Effect.serviceOption(ListingAdapter), layer)))._tag
      const client = clientOf(server.url)
      const { keys: _, ...blind } = MemoryAdapter.make()
      expect(await found(MemcachedAdapter.layer({ client }))).toBe("None")
      expect(await found(MemcachedAdapter.layer({ client, leases: blind as Adapter }))).toBe("None")
      expect(await found(MemcachedAdapter.layer({ client, leases: MemoryAdapter.make() }))).toBe("Some")
    })
  })

  describe("layerConfig", () => {
    it("makes a client of its own, and closes what it opened", async () => {
      const proxy = await proxyOf(server)
      const layer = MemcachedAdapter.layerConfig({
        url: Config.succeed(Redacted.make(proxy.url())),
        prefix: Config.succeed("config")
      })
      expect(await run(Effect.provide(use(proxy), layer))).toEqual({ tag: "Hit", open: 1 })
      await expect.poll(() => proxy.stats.open).toBe(0)
      expect(await TextClient.namesOf(server.url, "config")).toEqual(["config{k}"])
    })

    it("closes what the leases that it was given have opened", async () => {
      let closed = 0
      const proxy = await proxyOf(server)
      const leases = { ...MemoryAdapter.make(), close: Effect.sync(() => void closed++) }
      const layer = MemcachedAdapter.layerConfig({
        url: Config.succeed(Redacted.make(proxy.url())),
        leases: Config.succeed(leases)
      })
      expect(await run(Effect.provide(use(proxy), layer))).toEqual({ tag: "Hit", open: 1 })
      await expect.poll(() => proxy.stats.open).toBe(0)
      expect(closed).toBe(1)
    })

    it.each([
      { prefix: "{}", address: "memcached://localhost" },
      { prefix: "app", address: "redis://user:secret@localhost" }
    ])("reports bad configuration as a typed failure: $prefix", async ({ address, prefix }) => {
      const layer = MemcachedAdapter.layerConfig({
        url: Config.succeed(Redacted.make(address)),
        prefix: Config.succeed(prefix)
      })
      const error = await run(Effect.flip(Effect.scoped(Layer.build(layer))))
      expect(error).toBeInstanceOf(InvalidOption)
      expect(String(error)).not.toContain("secret")
    })
  })

  it("layerConfig reports an unknown option as a typed failure, too", async () => {
    const misspelled = { url: Config.succeed(Redacted.make("memcached://localhost")), prefixx: Config.succeed("app") }
    const error = await run(Effect.flip(Effect.scoped(Layer.build(MemcachedAdapter.layerConfig(misspelled)))))
    expect(error).toBeInstanceOf(InvalidOption)
    expect(error).toMatchObject({ option: "prefixx" })
  })

  describe("a process", () => {
    it.each(["adapter", "nothing"])("ends when %s is closed", (name) =>
      expectToEnd(new URL("./fixtures/Exits.ts", import.meta.url), server.url, name)
    )
  })
})

import { refusalOf, run } from "@cache-locking/conformance-kit/testing"
import { Adapter, InvalidOption, ListingAdapter, MemoryAdapter, ValueStore } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import type { KVNamespace } from "@cloudflare/workers-types"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, expectTypeOf, it } from "vitest"
import { KvAdapter, KvAdvisory, KvStore } from "../src/index.ts"

const refuse = () => Promise.reject(new Error("asked"))

/** Answers nothing, because the checks here send no request. */
const namespace: KvStore.Namespace = { getWithMetadata: refuse, put: refuse, delete: refuse }
const leases = MemoryAdapter.make() as ListingAdapter

const expectRefused = (make: () => unknown, option: string) => expect(refusalOf(make).option).toBe(option)

describe("options", () => {
  it("are checked when something is made of them", () => {
    const bad: ReadonlyArray<readonly [object, string]> = [
      [{ namespace: undefined }, "namespace"],
      [{ namespace: "KV" }, "namespace"],
      [{ namespace: { get: refuse, put: refuse } }, "namespace"],
      [{ prefix: "" }, "prefix"],
      [{ prefix: "\ud800" }, "prefix"],
      [{ prefix: "é".repeat(129) }, "prefix"],
      [{ commandTimeout: 0 }, "commandTimeout"],
      [{ commandTimeout: Infinity }, "commandTimeout"],
      [{ cacheTtl: "29 seconds" }, "cacheTtl"],
      [{ cacheTtl: Infinity }, "cacheTtl"],
      [{ remove: 1 }, "remove"],
      [{ table: "x" }, "table"]
    ]
    for (const [options, option] of bad) {
      expectRefused(() => KvStore.make({ namespace, ...options } as KvStore.StoreOptions), option)
      expectRefused(() => KvAdapter.make({ namespace, leases, ...options } as KvAdapter.Options), option)
    }
    expectRefused(() => KvAdapter.make({ namespace, leases, inlineBytes: -1 }), "inlineBytes")
    expectRefused(() => KvAdvisory.createCache({ namespace: {} as KvStore.Namespace }), "namespace")
    expectRefused(() => KvAdvisory.createCache({ namespace, cacheTtl: "soon" } as never), "cacheTtl")
  })

  it("describe a binding, and never its contents", () => {
    try {
      KvStore.make({ namespace: { secret: "hunter2" } as never })
      expect.unreachable()
    } catch (error) {
      expect((error as Error).message).toMatch(/namespace is an object; accepted: a KV binding \(env\.KV\)/)
      expect(JSON.stringify([error, { ...(error as object) }])).not.toContain("hunter2")
    }
  })

  it("ask for leases, and say where they come from", () => {
    expectRefused(() => KvAdapter.make({ namespace } as KvAdapter.Options), "leases")
    expect(() => KvAdapter.make({ namespace } as KvAdapter.Options)).toThrow(/D1Adapter\.make/)
    expectRefused(() => KvAdapter.make({ namespace, leases: {} as Adapter }), "leases")
  })
})

describe("KV alone", () => {
  it("is no adapter: it does not compile, and is refused at run time with advice", () => {
    const store = KvStore.make({ namespace })
    expectTypeOf(store).not.toExtend<Adapter>()
    // @ts-expect-error: a store of values is no adapter
    expect(() => createCache({ adapter: store })).toThrow(/cannot decide a race.*ValueStore\.withLeases/)
  })

  it("as an advisory cache is none either, and says so in its types", () => {
    const cache = KvAdvisory.createCache<string>({ namespace })
    expect(cache.protection).toBe("isolate")
    expectTypeOf(cache).not.toExtend<Adapter>()
    expectTypeOf<KvAdvisory.AdvisoryCache<string>>().not.toExtend<Adapter>()
    expectTypeOf<KvAdvisory.AdvisoryMeta["protection"]>().toEqualTypeOf<"isolate">()
    // @ts-expect-error: an advisory cache is no adapter
    expect(() => createCache({ adapter: cache })).toThrow(InvalidOption)
    // @ts-expect-error: nor are leases
    expect(() => KvAdapter.make({ namespace, leases: cache })).toThrow(InvalidOption)
  })
})

describe("types", () => {
  it("a Worker's binding is a namespace", () => {
    expectTypeOf<KVNamespace>().toExtend<KvStore.Namespace>()
  })

  it("it lists its keys if its leases do", () => {
    const plain: Adapter = MemoryAdapter.make()
    expectTypeOf(KvAdapter.make({ namespace, leases })).toEqualTypeOf<ListingAdapter>()
    expectTypeOf(KvAdapter.make({ namespace, leases: plain })).toEqualTypeOf<Adapter>()
    expect(KvAdapter.make({ namespace, leases }).keys).toBe(leases.keys)
  })
})

describe("layers", () => {
  it("give the store, and both services of the adapter", async () => {
    const store = Effect.map(ValueStore.ValueStore, ({ name }) => name)
    expect(await run(Effect.provide(store, KvStore.layer({ namespace })))).toBe("cloudflare-kv")
    const both = Effect.map(Effect.all([Adapter, ListingAdapter]), ([one, two]) => [one.name, one === two])
    expect(await run(Effect.provide(both, KvAdapter.layer({ namespace, leases })))).toEqual([
      "cloudflare-kv+memory",
      true
    ])
  })

  it("report bad configuration as a typed failure", async () => {
    const layer = KvAdapter.layerConfig({ namespace, leases }, { prefix: Config.String("PREFIX") })
    const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ PREFIX: "x".repeat(300) }))
    const error = await run(Effect.flip(Effect.scoped(Layer.build(Layer.provide(layer, provider)))))
    expect(error).toBeInstanceOf(InvalidOption)
  })
})

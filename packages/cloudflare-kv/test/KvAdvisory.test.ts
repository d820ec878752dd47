/** The promises of KV alone, and their limits. */
import { run, sleep } from "@cache-locking/conformance-kit/testing"
import { WorkersBackend } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { KvAdvisory, type KvStore } from "../src/index.ts"
import { placesOf, randomOf } from "./fixtures/Places.ts"
import { metered } from "./fixtures/Support.ts"

const backend = await serverOfFile(WorkersBackend.start())

/** An isolate of its own, which shares only KV with others. */
const isolate = (prefix: string, namespace: KvStore.Namespace = backend.namespace(), more: object = {}) => {
  const kv = metered(namespace)
  const cache = KvAdvisory.createCache<string>({ namespace: kv.namespace, prefix, cacheTtl: "1 minute", ...more })
  let loads = 0
  const load = async () => {
    loads++
    await sleep(50)
    return `load ${loads}`
  }
  return { ...kv, cache, load, loads: () => loads }
}

describe("within an isolate", () => {
  it("fifty callers load a missing key once: a read and a write, and every answer says how far that goes", async () => {
    const { cache, load, loads, spent } = isolate("one:")
    const answers = await Promise.all(Array.from({ length: 50 }, () => cache.getOrSetWithMeta("k", load)))
    expect(loads()).toBe(1)
    expect(new Set(answers.map(({ value }) => value))).toEqual(new Set(["load 1"]))
    expect(answers.every(({ meta }) => meta.protection === "isolate")).toBe(true)
    expect(spent()).toEqual(["get", "put"])
    expect(await cache.getOrSetWithMeta("k", load)).toMatchObject({ value: "load 1", meta: { cache: "HIT" } })
  })

  it("caches of other requests load it once, too: turns are the isolate's", async () => {
    const { namespace } = metered(backend.namespace())
    const request = () => isolate("requests:", namespace)
    const kv = metered(backend.namespace())
    let loads = 0
    const load = async () => {
      loads++
      await sleep(50)
      return "loaded"
    }
    const caches = Array.from({ length: 10 }, () =>
      KvAdvisory.createCache<string>({ namespace: kv.namespace, prefix: "requests:", cacheTtl: "1 minute" })
    )
    const answers = await Promise.all(caches.map((cache) => cache.getOrSet("k", load)))
    expect(answers).toEqual(Array(10).fill("loaded"))
    expect(loads).toBe(1)
    expect(request().cache.protection).toBe("isolate")
  })

  it("a delete voids a load that is under way, and the deleted value does not come back, however late KV shows it", async () => {
    const [place] = placesOf(backend.namespace(), 1, { lag: 0, kept: 10_000, random: randomOf(1), now: () => 0 })
    const { cache, load } = isolate("gone:", place)
    await cache.getOrSet("k", load)
    expect(await cache.delete("k")).toBe(true)
    expect(await cache.get("k")).toBe(undefined)
    const loading = cache.getOrSetWithMeta("k", load)
    await sleep(20)
    await cache.delete("k")
    expect((await loading).meta.uncached).toBe("lost")
    expect(await cache.get("k")).toBe(undefined)
  })

  it("finds its own writes although KV still shows nothing", async () => {
    const [here, there] = placesOf(backend.namespace(), 2, {
      lag: 60_000,
      kept: 60_000,
      random: () => 0.9,
      now: () => 0
    })
    const { cache, load, loads } = isolate("own:", here)
    expect(await isolate("own:", there).cache.get("k")).toBe(undefined)
    await cache.getOrSet("k", load)
    expect(await cache.getOrSet("k", load)).toBe("load 1")
    expect(loads()).toBe(1)
  })

  it("remembers its writes of up to 64 KiB, and reads larger ones from KV", async () => {
    const { cache, spent } = isolate("bound:")
    await cache.set("small", "x".repeat(60_000))
    await cache.set("large", "x".repeat(70_000))
    spent()
    expect((await cache.get("small"))?.length).toBe(60_000)
    expect(spent()).toEqual([])
    expect((await cache.get("large"))?.length).toBe(70_000)
    expect(spent()).toEqual(["get"])
  })

  it("lives for the exact time, though KV keeps it for a minute", async () => {
    const real = Date.now
    let later = 0
    vi.spyOn(Date, "now").mockImplementation(() => real() + later)
    onTestFinished(() => void vi.restoreAllMocks())
    const { cache, load } = isolate("short:", undefined, { cacheTtl: "20 seconds", earlyRefresh: false })
    expect(await cache.getOrSet("k", load)).toBe("load 1")
    const elsewhere = isolate("short:").cache
    expect(await elsewhere.get("k")).toBe("load 1")
    later = 21_000
    expect(await elsewhere.get("k")).toBe(undefined)
    expect(await cache.getOrSet("k", load)).toBe("load 2")
  })

  it("a write that KV refused is not believed", async () => {
    let failing = true
    const real = backend.namespace()
    const namespace: KvStore.Namespace = {
      ...real,
      put: (...call) =>
        failing ? Promise.reject(new Error("KV PUT failed: 429 Too Many Requests")) : real.put(...call)
    }
    const { cache, load } = isolate("refused:", namespace)
    expect((await cache.getOrSetWithMeta("k", load)).meta.uncached).toBe("set-failed")
    expect(await cache.get("k")).toBe(undefined)
    failing = false
    await cache.getOrSet("k", load)
    expect(await isolate("refused:").cache.get("k")).toBe("load 2")
  })
})

describe("among isolates", () => {
  it("there is no protection: each loads, and no answer says otherwise", async () => {
    const isolates = [isolate("two:"), isolate("two:"), isolate("two:")]
    const answers = await Promise.all(isolates.map(({ cache, load }) => cache.getOrSetWithMeta("k", load)))
    expect(isolates.map(({ loads }) => loads())).toEqual([1, 1, 1])
    expect(answers.map(({ meta }) => meta.protection)).toEqual(["isolate", "isolate", "isolate"])
  })

  it("a value is found that another has loaded", async () => {
    const one = isolate("found:")
    const two = isolate("found:")
    await one.cache.getOrSet("k", one.load)
    expect(await two.cache.getOrSetWithMeta("k", two.load)).toMatchObject({ value: "load 1", meta: { cache: "HIT" } })
    expect(two.loads()).toBe(0)
    expect(two.spent()).toEqual(["get"])
  })
})

describe("with Effect", () => {
  it("answers the same", async () => {
    const program = Effect.gen(function* () {
      const cache = yield* KvAdvisory.make<string>({ namespace: backend.namespace(), prefix: "effect:" })
      const first = yield* cache.getOrSet("k", () => Effect.succeed("v"))
      const again = yield* cache.refresh("k", () => Effect.succeed("w"))
      yield* cache.set("k", "x")
      return [
        first.value,
        first.meta.protection,
        again.value,
        again.meta.protection,
        yield* cache.get("k"),
        cache.stats()
      ]
    })
    const answer = await run(Effect.scoped(program))
    expect(answer).toMatchObject(["v", "isolate", "w", "isolate", { _tag: "Some", value: "x" }, { loads: 2, sets: 1 }])
  })
})

import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, expectTypeOf, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Cache from "../src/Cache.ts"
import * as Api from "../src/promise.ts"
import { type Adapter, type CacheLockingError, createCache, isCacheLockingError } from "../src/promise.ts"
import * as MemoryAdapter from "../src/stores/MemoryAdapter.ts"
import { faulty } from "./support/Faulty.ts"
import { Recorded } from "./support/Recorded.ts"
import { bytesOf, flightsOf } from "./support/Scenario.ts"
import { peer, remote, slow } from "./support/Wrappers.ts"

/** The reason with which a promise rejected. */
const rejection = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    (value) => assert.fail(`resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error
  )

const kinds: ReadonlyArray<readonly [string, () => Adapter]> = [
  ["memory", () => MemoryAdapter.make()],
  ["a remote store", () => remote(MemoryAdapter.make())],
  ["a slow remote store", () => slow(remote(MemoryAdapter.make()), 2)]
]

/** A gate that a fetcher waits at. */
const gate = () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

// Nothing may be left of any test: no rejection that nobody handled, no timer.
const unhandled: Array<unknown> = []
const note = (reason: unknown) => void unhandled.push(reason)
const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
let before = 0

beforeEach(() => {
  unhandled.length = 0
  process.on("unhandledRejection", note)
  before = timers()
})

afterEach(async () => {
  await sleep(1)
  // The runner has timers of its own while it is told something, which may take long on a busy machine.
  for (let i = 0; i < 1_000 && timers() > before; i++) await sleep(2)
  process.off("unhandledRejection", note)
  assert.deepStrictEqual(unhandled, [])
  assert.isAtMost(timers(), before, "a timer is left")
})

describe("createCache", () => {
  for (const [kind, make] of kinds) {
    it(`gives values, over ${kind}`, async () => {
      const adapter = make()
      const cache = createCache<string>({ adapter, cacheTtl: "1 minute" })
      assert.isUndefined(await cache.get("k"))
      assert.isFalse(await cache.has("k"))
      assert.strictEqual(await cache.getOrSet("k", async ({ key }) => `of ${key}`), "of k")
      assert.strictEqual(await cache.getOrSet("k", () => "plain values do, too"), "of k")
      assert.strictEqual(await cache.get("k"), "of k")
      assert.isTrue(await cache.has("k"))
      await cache.set("k", "set")
      const answer = await cache.getOrSetWithMeta("k", () => assert.fail("no load"))
      assert.strictEqual(answer.value, "set")
      assert.strictEqual(answer.meta.cache, "HIT")
      assert.deepInclude(await cache.refresh("k", async () => "new"), { value: "new" })
      assert.deepInclude(await cache.explain("k"), { key: "k", state: "fresh", waitersHere: 0 })
      assert.isTrue(await cache.delete("k"))
      assert.isFalse(await cache.delete("k"))
      const { deletes, loads, sets } = cache.stats()
      assert.deepStrictEqual({ deletes, loads, sets }, { deletes: 2, loads: 2, sets: 1 })
      await cache.close()
      assert.strictEqual(flightsOf(adapter), 0)
    })

    it(`1,000 callers make one load, over ${kind}`, async () => {
      const cache = createCache<number>({ adapter: make() })
      let loads = 0
      const load = async () => {
        loads++
        await sleep(5)
        return loads
      }
      const values = await Promise.all(Array.from({ length: 1000 }, () => cache.getOrSet("k", load)))
      assert.deepStrictEqual([loads, new Set(values)], [1, new Set([1])])
      const answers = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSetWithMeta("j", load)))
      assert.strictEqual(loads, 2)
      assert.deepStrictEqual(
        [answers[0]!.meta.cache, ...new Set(answers.slice(1).map(({ meta }) => meta.cache))],
        ["MISS-LEADER", "MISS-FOLLOWER-HIT"]
      )
      assert.isTrue(answers.every(({ value }) => value === 2))
      await cache.close()
    })

    it(`undefined, null, 0 and "" are values, over ${kind}`, async () => {
      const cache = createCache({ adapter: make() })
      for (const value of [undefined, null, 0, "", false]) {
        const key = String(value) || "empty"
        assert.strictEqual(await cache.getOrSet(key, () => value), value)
        assert.strictEqual(await cache.getOrSet(key, () => assert.fail("loaded twice")), value)
        assert.isTrue(await cache.has(key))
      }
      await cache.close()
    })
  }

  it("two facades, and Effect callers, over one adapter share a load", async () => {
    const adapter = remote(MemoryAdapter.make())
    const [one, two] = [createCache<string>({ adapter }), createCache<string>({ adapter })]
    let loads = 0
    const fetcher = async () => {
      loads++
      await sleep(5)
      return "v"
    }
    const values = await Promise.all([
      one.getOrSet("k", fetcher),
      two.getOrSet("k", fetcher),
      Effect.runPromise(
        Effect.map(Cache.getOrSet({ adapter, key: "k", fetcher: () => Effect.promise(fetcher) }), ({ value }) => value)
      )
    ])
    assert.deepStrictEqual([values, loads], [["v", "v", "v"], 1])
    await Promise.all([one.close(), two.close()])
  })

  it("a warm value takes neither a fiber nor a timer", async () => {
    const cache = createCache<string>({ adapter: MemoryAdapter.make() })
    await cache.set("k", "v")
    const held = timers()
    const promises = Array.from({ length: 100 }, () => cache.getOrSet("k", () => "w"))
    assert.strictEqual(timers(), held)
    assert.deepStrictEqual(new Set(await Promise.all(promises)), new Set(["v"]))
    assert.strictEqual(cache.stats().hits, 100)
    await cache.close()
  })

  it("the clock is read once for the answers of all waiters of a load", async () => {
    const live = Context.get(Context.empty(), Clock.Clock)
    let reads = 0
    const clock: Clock.Clock = Object.assign(Object.create(live), {
      monotonicTimeNanosUnsafe: () => {
        reads++
        return live.monotonicTimeNanosUnsafe()
      }
    })
    const cache = createCache<number>({ adapter: MemoryAdapter.make(), clock })
    const { open, opened } = gate()
    const answers = Array.from({ length: 100 }, () =>
      cache.getOrSetWithMeta("k", async () => {
        await opened
        return 1
      })
    )
    const joined = reads
    open()
    const waited = (await Promise.all(answers)).filter(({ meta }) => meta.waited !== undefined)
    assert.strictEqual(waited.length, 99)
    assert.isAtMost(reads - joined, 10)
    await cache.close()
  })

  it('"memory" is the one of the process', async () => {
    await using one = createCache<string>({ adapter: "memory", cacheTtl: 1000 })
    await using two = createCache<string>({ adapter: "memory", cacheTtl: 1000 })
    await one.set("promise.test", "v")
    assert.strictEqual(await two.get("promise.test"), "v")
    await two.delete("promise.test")
  })
})

describe("thrown errors", () => {
  class Teapot extends Error {
    readonly code = 418
  }

  for (const [kind, make] of kinds) {
    it(`the fetcher's own error reaches every caller, the very object, over ${kind}`, async () => {
      const cache = createCache<string>({ adapter: make() })
      const error = new Teapot("short and stout")
      let loads = 0
      const load = async (): Promise<string> => {
        loads++
        await sleep(3)
        throw error
      }
      const errors = await Promise.all(Array.from({ length: 50 }, () => rejection(cache.getOrSet("k", load))))
      assert.strictEqual(loads, 1)
      assert.isTrue(errors.every((caught) => caught === error))
      await cache.close()
    })
  }

  it("also when it throws at once, throws no Error, or nothing at all", async () => {
    const cache = createCache<string>({ adapter: MemoryAdapter.make(), cooldown: 0 })
    for (const reason of [new Teapot("at once"), "text", 7, null, undefined, { _tag: "Plain" }]) {
      const throws = (): string => {
        throw reason
      }
      assert.strictEqual(await rejection(cache.getOrSet("k", throws)), reason)
      assert.strictEqual(await rejection(cache.getOrSet("k", () => Promise.reject(reason))), reason)
      assert.strictEqual(await rejection(cache.refresh("k", throws)), reason)
    }
    assert.strictEqual(await cache.getOrSet("k", () => "fine"), "fine")
    await cache.close()
  })

  it("in another process it arrives with name, message and fields", async () => {
    const store = MemoryAdapter.make()
    const a = createCache<string>({ adapter: peer(remote(store)), cooldown: 1000 })
    const b = createCache<string>({ adapter: peer(remote(store)), cooldown: 1000 })
    class Tagged extends Data.TaggedError("Tagged")<{ readonly code: number }> {}
    const { open, opened } = gate()
    const leader = rejection(
      a.getOrSet("k", async () => {
        await opened
        throw new Tagged({ code: 418 })
      })
    )
    const follower = rejection(b.getOrSet("k", () => assert.fail("a second load")))
    await sleep(2)
    open()
    assert.instanceOf(await leader, Tagged)
    assert.deepInclude(await follower, { _tag: "Tagged", code: 418 })
    await Promise.all([a.close(), b.close()])
  })

  it("ours is the same typed error as of the Effect cache", async () => {
    const adapter = faulty(remote(MemoryAdapter.make()), {
      acquire: () => "reject",
      read: () => "reject",
      put: () => "reject",
      delete: () => "reject"
    })
    const cache = createCache<string>({ adapter })
    for (const [promise, tag, phase] of [
      [cache.getOrSet("k", () => "v"), "CACHE_GET_FAILED", "acquire"],
      [cache.get("k"), "CACHE_GET_FAILED", "read"],
      [cache.has("k"), "CACHE_GET_FAILED", "read"],
      [cache.explain("k"), "CACHE_GET_FAILED", "read"],
      [cache.set("k", "v"), "CACHE_SET_FAILED", "put"],
      [cache.delete("k"), "CACHE_DELETE_FAILED", "delete"],
      [cache.refresh("k", () => "v"), "CACHE_GET_FAILED", "acquire"]
    ] as const) {
      const error = await rejection(promise)
      assert.isTrue(isCacheLockingError(error))
      assert.deepInclude(error, { _tag: tag, context: { key: "k", phase, adapter: "memory" } })
      assert.instanceOf(error, Error)
    }
    await cache.close()
  })

  it("a wait that takes too long is WAIT_TIMEOUT, or a fallback", async () => {
    const store = MemoryAdapter.make()
    await Effect.runPromise(store.acquire("k", { owner: "crashed", leaseFor: 60_000 }))
    const cache = createCache<string>({ adapter: peer(remote(store)), waitMax: 5 })
    const late = await rejection(cache.getOrSet("k", () => "v", { onWaitTimeout: "fail" }))
    assert.strictEqual(late._tag, "WAIT_TIMEOUT")
    assert.isAtLeast(late.waited, 5)
    const { meta, value } = await cache.getOrSetWithMeta("k", () => "v")
    assert.deepStrictEqual([value, meta.cache], ["v", "MISS-FOLLOWER-FALLBACK"])
    const many = await Promise.all(Array.from({ length: 50 }, () => cache.getOrSetWithMeta("k", async () => "v")))
    assert.isTrue(many.every(({ meta }) => meta.cache === "MISS-FOLLOWER-FALLBACK"))
    await cache.close()
  })
})

describe("the names of JavaScript properties", () => {
  const words = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"]

  for (const [kind, make] of kinds) {
    it(`are keys, tags and names like any other, over ${kind}`, async () => {
      const adapter = make()
      const caches = words.map((name) =>
        createCache<string>({ adapter, name, cacheTtl: "1 minute", tags: (key) => [key] })
      )
      const all = await Promise.all(
        caches.map((cache, n) =>
          cache.getOrSetMany(words, (keys) => keys.map((key) => [key, `${key} of ${words[n]}`] as const))
        )
      )
      for (const [n, answers] of all.entries()) {
        const own = words.map((key) => [key, `${key} of ${words[n]}`])
        assert.deepStrictEqual([...answers], own)
        assert.deepStrictEqual([...(await caches[n]!.getMany(words))], own)
        assert.strictEqual(await caches[n]!.getOrSet("constructor", () => assert.fail("loaded")), own[1]![1])
      }
      await caches[0]!.invalidateTag("__proto__")
      for (const [n, cache] of caches.entries()) {
        const left = n === 0 ? words.slice(1) : words
        assert.deepStrictEqual([...(await cache.getMany(words)).keys()], left, words[n])
      }
      assert.strictEqual(await caches[1]!.deleteMany(["constructor", "valueOf"]), 2)
      assert.deepStrictEqual([...(await caches[1]!.getMany(words)).keys()].length, words.length - 2)
      assert.deepStrictEqual([...(await caches[2]!.getMany(words)).keys()], words)
      for (const cache of caches) await cache.close()
    })
  }
})

it("text that no store keeps is refused where it is given, by every call, and nothing is asked", async () => {
  const adapter = remote(MemoryAdapter.make())
  const recorded = new Recorded({ ...adapter, limits: { ...adapter.limits, keyBytes: 200 } })
  const cache = createCache<string>({ adapter: recorded.adapter })
  const load = () => assert.fail("loaded")
  const asRefused = async (option: string, call: () => Promise<unknown>) => {
    const error = await rejection(Promise.resolve().then(call))
    assert.deepInclude(error, { _tag: "INVALID_OPTION", option })
    assert.isBelow(error.message.length, 400)
  }
  for (const bad of ["", "\ud800", "a\udc00", "x".repeat(201), "é".repeat(101)]) {
    for (const call of [
      () => cache.getOrSet(bad, load),
      () => cache.getOrSetWithMeta(bad, load),
      () => cache.getOrSetMany(["k", bad], load),
      () => cache.refresh(bad, load),
      () => cache.get(bad),
      () => cache.getMany(["k", bad]),
      () => cache.has(bad),
      () => cache.set(bad, "v"),
      () => cache.delete(bad),
      () => cache.deleteMany(["k", bad]),
      () => cache.explain(bad)
    ])
      await asRefused("key", call)
    for (const call of [
      () => cache.getOrSet("k", load, { tags: ["t", bad] }),
      () => cache.set("k", "v", { tags: [bad] }),
      () => cache.invalidateTag(bad)
    ])
      await asRefused("tags", call)
    await asRefused("name", async () => createCache({ adapter: recorded.adapter, name: bad }))
  }
  // Of the many keys of `getMany`, one was right.
  assert.deepStrictEqual(new Set(recorded.verbs), new Set(["read"]))
  await cache.close()
})

describe("a signal", () => {
  for (const [kind, make] of kinds) {
    it(`aborted before rejects with its own reason and does nothing, over ${kind}`, async () => {
      const recorded = new Recorded(make())
      const cache = createCache<string>({ adapter: recorded.adapter })
      for (const reason of [new Error("why"), "text", { odd: true }, undefined]) {
        const controller = new AbortController()
        controller.abort(reason)
        const { signal } = controller
        for (const promise of [
          cache.getOrSet("k", () => assert.fail("loaded"), { signal }),
          cache.getOrSetWithMeta("k", () => assert.fail("loaded"), { signal }),
          cache.refresh("k", () => assert.fail("loaded"), { signal })
        ]) {
          assert.strictEqual(await rejection(promise), signal.reason)
        }
      }
      assert.deepStrictEqual(recorded.verbs, [])
      await cache.close()
    })

    it(`in mid-wait rejects at once; the load goes on for others, over ${kind}`, async () => {
      const cache = createCache<string>({ adapter: make() })
      const controller = new AbortController()
      const { open, opened } = gate()
      let fired = false
      const load = async ({ signal }: Api.PromiseFetchContext<string>) => {
        signal.addEventListener("abort", () => (fired = true))
        await opened
        return "v"
      }
      const leaver = rejection(cache.getOrSet("k", load, { signal: controller.signal }))
      const stayer = cache.getOrSet("k", load)
      await sleep(8)
      const reason = new Error("enough")
      controller.abort(reason)
      assert.strictEqual(await leaver, reason)
      open()
      assert.strictEqual(await stayer, "v")
      assert.isFalse(fired)
      await cache.close()
    })

    it(`of the last caller fires the fetcher's signal, and frees the key at once, over ${kind}`, async () => {
      const recorded = new Recorded(make())
      const cache = createCache<string>({ adapter: recorded.adapter })
      const controller = new AbortController()
      const begun = gate()
      const fired = gate()
      const load = ({ signal }: Api.PromiseFetchContext<string>) =>
        new Promise<string>((_, reject) => {
          begun.open()
          signal.addEventListener("abort", () => {
            fired.open()
            reject(signal.reason)
          })
        })
      const caller = rejection(cache.getOrSet("k", load, { signal: controller.signal }))
      await begun.opened
      controller.abort("enough")
      assert.strictEqual(await caller, "enough")
      await fired.opened
      assert.strictEqual(await cache.getOrSet("k", () => "next"), "next")
      assert.strictEqual(recorded.count("abandon"), 1)
      await cache.close()
    })
  }

  it("DOMException of AbortSignal.abort() and AbortSignal.timeout() is kept", async () => {
    const cache = createCache<string>({ adapter: MemoryAdapter.make() })
    assert.strictEqual(
      (await rejection(cache.getOrSet("k", () => "v", { signal: AbortSignal.abort() }))).name,
      "AbortError"
    )
    const { open, opened } = gate()
    const late = cache.getOrSet("k", () => opened.then(() => "v"), { signal: AbortSignal.timeout(3) })
    assert.strictEqual((await rejection(late)).name, "TimeoutError")
    open()
    await cache.close()
  })

  it("leaves no listener behind", async () => {
    const cache = createCache<string>({ adapter: remote(MemoryAdapter.make()) })
    const { signal } = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++
      addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--
      removeEventListener.apply(signal, args)
    }
    await cache.getOrSet("k", () => "v", { signal })
    await cache.getOrSet("k", () => "v", { signal })
    await rejection(cache.getOrSet("j", () => Promise.reject(new Error("x")), { signal }))
    await Promise.all(Array.from({ length: 50 }, () => cache.getOrSet("i", () => sleep(3, "v"), { signal })))
    await sleep(1)
    assert.isAtMost(listeners, 0)
    await cache.close()
  })
})

describe("a fetcher that asks for its own key", () => {
  for (const [kind, make] of kinds) {
    it(`gets REENTRANT_LOAD, also after an await and through helpers, over ${kind}`, async () => {
      const cache = createCache<string>({ adapter: make(), cooldown: 0 })
      const helper = async (key: string): Promise<string> => {
        await sleep(1)
        return cache.getOrSet(key, () => "inner")
      }
      const direct = await rejection(cache.getOrSet("k", () => cache.getOrSet("k", () => "inner")))
      assert.strictEqual(direct._tag, "REENTRANT_LOAD")
      const later = await rejection(cache.getOrSet("k", () => helper("k")))
      assert.strictEqual(later._tag, "REENTRANT_LOAD")
      const deep = await rejection(cache.getOrSet("a", () => cache.getOrSet("b", () => helper("a"))))
      assert.strictEqual(deep._tag, "REENTRANT_LOAD")
      const all = await rejection(
        cache.getOrSet("c", async () => (await Promise.all([helper("d"), helper("c")])).join())
      )
      assert.strictEqual(all._tag, "REENTRANT_LOAD")
      const refresh = await rejection(cache.refresh("r", async () => (await cache.refresh("r", () => "x")).value))
      assert.strictEqual(refresh._tag, "REENTRANT_LOAD")
      assert.strictEqual(await cache.getOrSet("e", () => helper("f")), "inner")
      await cache.close()
    })
  }

  it("two that ask for each other's key: neither hangs", async () => {
    const cache = createCache<string>({ adapter: MemoryAdapter.make() })
    const ask = (from: string, to: string) =>
      cache.getOrSet(from, async () => {
        await sleep(2)
        return cache.getOrSet(to, () => "inner")
      })
    const results = await Promise.allSettled([ask("a", "b"), ask("b", "a")])
    for (const result of results) {
      if (result.status === "rejected") assert.strictEqual(result.reason._tag, "REENTRANT_LOAD")
    }
    await cache.close()
  })

  it("through a facade from within an Effect fetcher, and the other way, gets it, too", async () => {
    const adapter = MemoryAdapter.make()
    const cache = createCache<string>({ adapter, waitMax: 500 })
    const told = await Promise.race([
      Effect.runPromise(
        Effect.flip(
          Cache.getOrSet({
            adapter,
            key: "k",
            fetcher: () => Effect.tryPromise({ try: () => cache.getOrSet("k", () => "inner"), catch: (error) => error })
          })
        )
      ),
      sleep(100, "it hangs")
    ])
    assert.deepInclude(told, { _tag: "REENTRANT_LOAD" })
    const back = await Promise.race([
      rejection(
        cache.getOrSet("j", () =>
          Effect.runPromise(
            Effect.map(Cache.getOrSet({ adapter, key: "j", fetcher: () => Effect.succeed("x") }), ({ value }) => value)
          )
        )
      ),
      sleep(100, "it hangs")
    ])
    assert.deepInclude(back, { _tag: "REENTRANT_LOAD" })
    await cache.close()
  })
})

describe("hooks", () => {
  it("are called with the event, sync or async", async () => {
    const seen: Array<readonly [string, unknown]> = []
    const cache = createCache<string>({
      adapter: MemoryAdapter.make(),
      hooks: {
        onLeader: (value, { cache, cached, key }) => void seen.push(["leader", [value, cache, cached, key]]),
        onHit: async (value, { cache }) => {
          await sleep(1)
          seen.push(["hit", [value, cache]])
        }
      }
    })
    await cache.getOrSet("k", () => "v")
    await cache.getOrSet("k", () => "v")
    assert.deepStrictEqual(seen, [
      ["leader", ["v", "MISS-LEADER", true, "k"]],
      ["hit", ["v", "HIT"]]
    ])
    await cache.close()
  })

  it("the error or rejection of one is the caller's failure", async () => {
    const cache = createCache<string>({ adapter: MemoryAdapter.make() })
    const bug = new Error("hook")
    for (const onLeader of [
      () => {
        throw bug
      },
      () => Promise.reject(bug)
    ]) {
      assert.strictEqual(await rejection(cache.getOrSet("k", () => "v", { hooks: { onLeader } })), bug)
      await cache.delete("k")
    }
    await cache.close()
  })

  it("onError gets failures that fail no caller", async () => {
    const told: Array<CacheLockingError> = []
    const cache = createCache<string>({
      adapter: faulty(remote(MemoryAdapter.make()), { fill: () => "reject" }),
      hooks: {
        onError: (error) => {
          told.push(error)
          throw new Error("and fails itself")
        }
      }
    })
    const { meta } = await cache.getOrSetWithMeta("k", () => "v")
    assert.strictEqual(meta.uncached, "set-failed")
    await sleep(1)
    assert.deepStrictEqual(
      told.map(({ _tag }) => _tag),
      ["CACHE_SET_FAILED"]
    )
    await cache.close()
  })
})

describe("stale values", () => {
  it("are served while one load runs behind; the fetcher sees them", async () => {
    const cache = createCache<string>({ adapter: MemoryAdapter.make(), cacheTtl: 5, staleWhileRevalidate: "1 minute" })
    await cache.set("k", "old")
    await sleep(10)
    let seen: string | undefined
    const { open, opened } = gate()
    const answer = await cache.getOrSetWithMeta("k", async ({ stale }) => {
      seen = stale?.value
      await opened
      return "new"
    })
    assert.deepStrictEqual([answer.value, answer.meta.cache], ["old", "STALE"])
    open()
    await sleep(2)
    assert.strictEqual(await cache.getOrSet("k", () => "newer"), "new")
    assert.strictEqual(seen, "old")
    await cache.close()
  })

  it("a background load that fails causes no unhandled rejection", async () => {
    const cache = createCache<string>({ adapter: MemoryAdapter.make(), cacheTtl: 5, staleWhileRevalidate: "1 minute" })
    await cache.set("k", "old")
    await sleep(10)
    assert.strictEqual(await cache.getOrSet("k", () => Promise.reject(new Error("down"))), "old")
    assert.strictEqual(await cache.getOrSet("k", () => Promise.reject(new Error("down"))), "old")
    await sleep(2)
    await cache.close()
  })
})

describe("closing", () => {
  it("twice is once; afterwards every method rejects with CACHE_CLOSED", async () => {
    const recorded = new Recorded(MemoryAdapter.make())
    const cache = createCache<string>({ adapter: recorded.adapter })
    await cache.set("k", "v")
    await Promise.all([cache.close(), cache.close()])
    await cache.close()
    assert.strictEqual(recorded.count("close"), 1)
    for (const promise of [
      cache.get("k"),
      cache.has("k"),
      cache.set("k", "v"),
      cache.delete("k"),
      cache.explain("k"),
      cache.getOrSet("k", () => "v"),
      cache.getOrSetWithMeta("k", () => "v"),
      cache.refresh("k", () => "v")
    ]) {
      assert.strictEqual((await rejection(promise))._tag, "CACHE_CLOSED")
    }
  })

  it("await using closes", async () => {
    const recorded = new Recorded(MemoryAdapter.make())
    {
      await using cache = createCache<string>({ adapter: recorded.adapter })
      await cache.set("k", "v")
    }
    assert.strictEqual(recorded.count("close"), 1)
  })

  it("ends background loads: the fetcher's signal fires", async () => {
    const cache = createCache<string>({ adapter: MemoryAdapter.make(), cacheTtl: 5, staleWhileRevalidate: "1 minute" })
    await cache.set("k", "old")
    await sleep(10)
    const begun = gate()
    const fired = gate()
    await cache.getOrSet(
      "k",
      ({ signal }) =>
        new Promise<string>(() => {
          begun.open()
          signal.addEventListener("abort", () => fired.open())
        })
    )
    // The caller with the stale value has its answer before the fetcher's first step.
    await begun.opened
    await cache.close()
    await fired.opened
  })
})

describe("invalid options", () => {
  const adapter = MemoryAdapter.make()

  it("of the cache are thrown at once", () => {
    for (const [options, option] of [
      [{ adapter, ttl: 5 }, "ttl"],
      [{ adapter, cacheTtl: -1 }, "cacheTtl"],
      [{ adapter, waitMax: "soon" }, "waitMax"],
      [{ adapter, hooks: 5 }, "hooks"],
      [{ adapter, hooks: null }, "hooks"],
      [{ adapter, hooks: { onHit: 5 } }, "hooks.onHit"],
      [{ adapter, hooks: { onMiss: () => 1 } }, "hooks.onMiss"],
      [{ adapter, codec: "json" }, "codec"],
      [{ adapter, signal: new AbortController().signal }, "signal"],
      [{ adapter: "redis" }, "adapter"],
      [{}, "adapter"],
      [undefined, "options"],
      [null, "options"],
      [5, "options"]
    ] as ReadonlyArray<readonly [any, string]>) {
      try {
        createCache(options)
        assert.fail(`accepted ${JSON.stringify(options)}`)
      } catch (error: any) {
        assert.deepInclude(error, { _tag: "INVALID_OPTION", option }, String(error))
      }
    }
  })

  it("of a call reject, and never throw", async () => {
    const cache = createCache<string>({ adapter })
    for (const [key, fetcher, options, option] of [
      ["", () => "v", undefined, "key"],
      [5, () => "v", undefined, "key"],
      [undefined, undefined, undefined, "key"],
      ["k", undefined, undefined, "fetcher"],
      ["k", "v", undefined, "fetcher"],
      ["k", () => "v", { ttl: 5 }, "ttl"],
      ["k", () => "v", { waitMax: -1 }, "waitMax"],
      ["k", () => "v", { hooks: { onHit: "x" } }, "hooks.onHit"],
      ["k", () => "v", { hooks: "x" }, "hooks"],
      ["k", () => "v", { signal: {} }, "signal"],
      ["k", () => "v", null, "options"],
      ["k", () => "v", 5, "options"]
    ] as ReadonlyArray<readonly [any, any, any, string]>) {
      for (const method of ["getOrSet", "getOrSetWithMeta", "refresh"] as const) {
        const error = await rejection(cache[method](key, fetcher, options))
        assert.deepInclude(error, { _tag: "INVALID_OPTION", option }, `${method} ${option}`)
      }
    }
    for (const promise of [
      cache.set("", "v"),
      cache.get(5 as never),
      cache.has(undefined as never),
      cache.delete({} as never),
      cache.explain("")
    ]) {
      assert.deepInclude(await rejection(promise), { _tag: "INVALID_OPTION", option: "key" })
    }
    assert.deepInclude(await rejection(cache.set("k", "v", { cacheTtl: -1 })), { option: "cacheTtl" })
    assert.deepInclude(await rejection(cache.set("k", "v", { waitMax: 1 } as never)), { option: "waitMax" })
    await cache.close()
  })

  it("also while a load is under way that could be joined", async () => {
    const cache = createCache<string>({ adapter })
    const { open, opened } = gate()
    const caller = cache.getOrSet("k", () => opened.then(() => "v"))
    assert.deepInclude(await rejection(cache.getOrSet("k", undefined as never)), {
      _tag: "INVALID_OPTION",
      option: "fetcher"
    })
    open()
    await caller
    await cache.delete("k")
    await cache.close()
  })
})

describe("many", () => {
  it("10,000 callers of 100 keys in any order, some of which leave: every answer is its key's, nothing is left", async () => {
    const recorded = new Recorded(slow(remote(MemoryAdapter.make()), 1))
    const cache = createCache<string>({ adapter: recorded.adapter, cacheTtl: 3 })
    const calls = Array.from({ length: 10_000 }, async (_, n) => {
      await sleep(n % 13)
      const key = `k${(n * 7919) % 100}`
      const signal = n % 11 === 0 ? AbortSignal.timeout(n % 5) : undefined
      const value = await cache.getOrSet(
        key,
        async () => {
          await sleep(n % 4)
          if (n % 17 === 0) throw new Error("origin")
          return `of ${key}`
        },
        signal && { signal }
      )
      assert.strictEqual(value, `of ${key}`)
    })
    const results = await Promise.allSettled(calls)
    for (const result of results) {
      if (result.status === "rejected")
        assert.include(["origin", "The operation was aborted due to timeout"], result.reason.message)
    }
    for (let i = 0; i < 100 && flightsOf(recorded.adapter) > 0; i++) await sleep(2)
    assert.strictEqual(flightsOf(recorded.adapter), 0)
    assert.deepStrictEqual([recorded.watching, recorded.pending], [0, 0])
    await cache.close()
  })

  it("a follower in another process is woken by the fill, far below any polling step", async () => {
    const store = MemoryAdapter.make()
    const a = createCache<string>({ adapter: peer(remote(store)) })
    const b = createCache<string>({ adapter: peer(remote(store)), waitStep: 1000 })
    const { open, opened } = gate()
    const leader = a.getOrSet("k", () => opened.then(() => "v"))
    const follower = b.getOrSetWithMeta("k", () => assert.fail("a second load"))
    await sleep(3)
    open()
    const at = performance.now()
    assert.strictEqual((await follower).meta.cache, "MISS-FOLLOWER-HIT")
    assert.isBelow(performance.now() - at, 100)
    await leader
    await Promise.all([a.close(), b.close()])
  })
})

describe("types", () => {
  it("values, answers and errors", () => {
    const use = async (cache: Api.PromiseCache<{ readonly id: number }>) => {
      expectTypeOf(cache.getOrSet("k", async () => ({ id: 1 }))).toEqualTypeOf<Promise<{ readonly id: number }>>()
      expectTypeOf(cache.getOrSet("k", () => ({ id: 1 }))).toEqualTypeOf<Promise<{ readonly id: number }>>()
      expectTypeOf(cache.getOrSetWithMeta("k", async () => ({ id: 1 }))).toEqualTypeOf<
        Promise<Api.Answer<{ readonly id: number }>>
      >()
      expectTypeOf(cache.get("k")).toEqualTypeOf<Promise<{ readonly id: number } | undefined>>()
      // @ts-expect-error another type of value
      await cache.set("k", "text")
      // @ts-expect-error another type of value
      await cache.getOrSet("k", async () => "text")
      // @ts-expect-error no such option
      await cache.getOrSet("k", async () => ({ id: 1 }), { ttl: 5 })
      await cache.getOrSet("k", ({ signal, stale }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        expectTypeOf(stale?.value).toEqualTypeOf<{ readonly id: number } | undefined>()
        return { id: 1 }
      })
    }
    assert.isFunction(use)
    expectTypeOf(createCache<string>)
      .parameter(0)
      .toExtend<Api.CreateOptions<string>>()
  })

  it("the module has all that is needed to use it", () => {
    for (const name of [
      "createCache",
      "Codec",
      "WaitStrategy",
      "isCacheLockingError",
      "matchCacheLockingError",
      "formatCacheLockingError"
    ]) {
      assert.property(Api, name)
    }
  })

  it("callers of both kinds can leave one load", async () => {
    const adapter = remote(MemoryAdapter.make())
    const cache = createCache<string>({ adapter })
    const { open, opened } = gate()
    const promised = cache.getOrSet("k", () => opened.then(() => "v"))
    const fiber = Effect.runFork(Cache.getOrSet({ adapter, key: "k", fetcher: () => Effect.succeed("no") }))
    await sleep(2)
    await Effect.runPromise(Fiber.interrupt(fiber))
    open()
    assert.strictEqual(await promised, "v")
    assert.isDefined((await Effect.runPromise(adapter.read("k"))).value)
    assert.notDeepEqual((await Effect.runPromise(adapter.read("k"))).value, bytesOf("v"))
    await cache.close()
  })
})

it("a batch for which nobody waits any more gets its signal", async () => {
  const cache = createCache<string>({ adapter: MemoryAdapter.make() })
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<AbortSignal>()
  const many = cache.getOrSetMany(
    ["a", "b"],
    (_, { signal }) => {
      resolve(signal)
      return new Promise<never>(() => {})
    },
    { signal: controller.signal }
  )
  const signal = await promise
  assert.isFalse(signal.aborted)
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve))
  controller.abort(new Error("enough"))
  assert.strictEqual((await rejection(many)).message, "enough")
  await aborted
  await cache.close()
})

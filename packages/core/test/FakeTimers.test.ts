/** The clocks of a user's tests: fake timers, which replace the platform's, and a clock that the cache is given. */
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { createCache } from "../src/promise.ts"
import * as MemoryAdapter from "../src/stores/MemoryAdapter.ts"

const fails = () => Promise.reject(new Error("the origin is down"))
const loads = async () => "loaded"
const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    (value) => `resolved with ${value}`,
    (error) => String(error._tag ?? error.message)
  )

/** The state of a promise when everything is done that needs no time. */
const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false
  promise.then(
    () => {
      done = true
    },
    () => {
      done = true
    }
  )
  for (let i = 0; i < 20; i++) await null
  return done
}

/** The timers that vitest fakes by default, those that Jest fakes, and fewer. */
const kinds: ReadonlyArray<readonly [string, Parameters<typeof vi.useFakeTimers>[0]]> = [
  ["by default", undefined],
  [
    "as Jest does",
    {
      toFake: [
        "Date",
        "hrtime",
        "performance",
        "queueMicrotask",
        "setImmediate",
        "clearImmediate",
        "setInterval",
        "clearInterval",
        "setTimeout",
        "clearTimeout"
      ]
    }
  ],
  ["timers and performance only", { toFake: ["setTimeout", "clearTimeout", "performance"] }]
]

describe.each(kinds)("fake timers, %s", (_, config) => {
  afterEach(() => void vi.useRealTimers())

  it("a value expires when the time is advanced", async () => {
    vi.useFakeTimers(config)
    const cache = createCache<string>({ adapter: MemoryAdapter.make(), cacheTtl: "1 minute" })
    let calls = 0
    const counted = async () => `v${++calls}`
    assert.strictEqual(await cache.getOrSet("k", counted), "v1")
    await vi.advanceTimersByTimeAsync(59_000)
    assert.strictEqual(await cache.getOrSet("k", counted), "v1")
    await vi.advanceTimersByTimeAsync(1_001)
    assert.strictEqual(await cache.getOrSet("k", counted), "v2")
    await cache.close()
  })

  it("the second call after a failed load waits for the end of the cooldown, and no longer", async () => {
    vi.useFakeTimers(config)
    const cache = createCache<string>({ adapter: MemoryAdapter.make() })
    assert.strictEqual(await failure(cache.getOrSet("k", fails)), "the origin is down")
    const second = cache.getOrSet("k", loads)
    assert.isFalse(await settled(second))
    await vi.advanceTimersByTimeAsync(110)
    assert.strictEqual(await second, "loaded")
    await cache.close()
  })

  it("without a cooldown the second call loads at once", async () => {
    vi.useFakeTimers(config)
    const cache = createCache<string>({ adapter: MemoryAdapter.make(), cooldown: 0 })
    assert.strictEqual(await failure(cache.getOrSet("k", fails)), "the origin is down")
    assert.strictEqual(await cache.getOrSet("k", loads), "loaded")
    await cache.close()
  })

  it("closing leaves no timer", async () => {
    vi.useFakeTimers(config)
    const cache = createCache<string>({ adapter: MemoryAdapter.make() })
    const ended = failure(cache.getOrSet("k", () => new Promise<never>(() => {})))
    const closing = cache.close({ within: 1_000 })
    await vi.advanceTimersByTimeAsync(1_000)
    await closing
    assert.strictEqual(await ended, "CACHE_CLOSED")
    assert.strictEqual(vi.getTimerCount(), 0)
  })
})

const withClock = async (test: (clock: TestClock.TestClock) => Promise<void>): Promise<void> => {
  await Effect.runPromise(Effect.scoped(Effect.flatMap(TestClock.make(), (clock) => Effect.promise(() => test(clock)))))
}
const advance = (clock: TestClock.TestClock, by: number) => Effect.runPromise(clock.adjust(by))

describe("a clock of its own", () => {
  it("is the time of values, and of the cooldown", () =>
    withClock(async (clock) => {
      const cache = createCache<string>({ adapter: MemoryAdapter.make(), clock, cacheTtl: "1 minute" })
      assert.strictEqual(await failure(cache.getOrSet("k", fails)), "the origin is down")
      const second = cache.getOrSet("k", loads)
      assert.isFalse(await settled(second))
      await advance(clock, 101)
      assert.strictEqual(await second, "loaded")
      await cache.set("other", "set")
      await advance(clock, 59_999)
      assert.strictEqual(await cache.getOrSet("k", fails), "loaded")
      assert.strictEqual(await cache.get("other"), "set")
      assert.isTrue(await cache.has("k"))
      await advance(clock, 1)
      assert.isUndefined(await cache.get("k"))
      assert.isUndefined(await cache.get("other"))
      await cache.close()
    }))

  it("is the time that closing may take", () =>
    withClock(async (clock) => {
      const cache = createCache<string>({ adapter: MemoryAdapter.make(), clock })
      const ended = failure(cache.getOrSet("k", () => new Promise<never>(() => {})))
      const closing = cache.close({ within: "1 hour" })
      await advance(clock, 3_599_000)
      await closing
      assert.strictEqual(await ended, "CACHE_CLOSED")
    }))

  it("refuses a clock that is none", () => {
    for (const clock of [null, 5, Date, { sleep: () => {} }]) {
      assert.throws(() => createCache({ adapter: MemoryAdapter.make(), clock: clock as never }), /clock/)
    }
  })
})

describe("services of its own", () => {
  it("are those of all that the cache runs", () =>
    withClock(async (clock) => {
      const logged: Array<unknown> = []
      const loggers: ReadonlySet<Logger.Logger<unknown, unknown>> = new Set([
        Logger.make(({ message }) => void logged.push(message))
      ])
      const context = Context.make(Logger.CurrentLoggers, loggers)
      const options = { context, clock, cacheTtl: "1 minute", staleWhileRevalidate: "1 minute" } as const
      const cache = createCache<string>({ ...options, adapter: MemoryAdapter.make() })
      await cache.getOrSet("k", loads)
      await advance(clock, 60_001)
      const { promise: failed, reject } = Promise.withResolvers<string>()
      assert.strictEqual(await cache.getOrSet("k", () => failed), "loaded")
      reject(new Error("the origin is down"))
      await settled(failed)
      await vi.waitFor(() => assert.match(String(logged), /REFRESH_FAILED/))
      await cache.close()
    }))

  it("may hold the clock", () =>
    withClock(async (clock) => {
      const context = Context.make(Clock.Clock, clock)
      const cache = createCache<string>({ adapter: MemoryAdapter.make(), context, cacheTtl: "1 minute" })
      await cache.set("k", "set")
      await advance(clock, 59_999)
      assert.strictEqual(await cache.getOrSet("k", fails), "set")
      await advance(clock, 1)
      assert.strictEqual(await cache.getOrSet("k", loads), "loaded")
      await cache.close()
    }))

  it("are a Context of Effect", () => {
    for (const context of [null, 5, new Map()]) {
      assert.throws(
        () => createCache({ adapter: MemoryAdapter.make(), context: context as never }),
        /a Context of Effect/
      )
    }
  })
})

import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as fc from "fast-check"
import { InvalidOption } from "../../src/contract/CacheLockingError.ts"
import * as Policy from "../../src/options/Policy.ts"
import * as WaitStrategy from "../../src/options/WaitStrategy.ts"

const lifetimeOf = (options: Policy.Options<any>, value: unknown = "v", random = 0) =>
  Policy.lifetimeOf(Policy.make(options), value, "k", random)

describe("the defaults", () => {
  it("are those of the design", () => {
    assert.deepInclude(Policy.defaults, {
      cacheTtl: Infinity,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      leaseTtl: 15_000,
      waitMax: 4000,
      waitStep: 50,
      onWaitTimeout: "fetch",
      cooldown: 100,
      onCooling: "wait",
      onAdapterError: "fail",
      onLeaseLost: "finish",
      ownerId: ""
    })
    assert.isTrue(Policy.defaults.shouldCache(undefined))
  })

  it("are the policy of no options, and of undefined ones", () => {
    assert.deepStrictEqual(Policy.make({}), Policy.defaults)
    const nothing = Object.fromEntries(Policy.names.map((name) => [name, undefined]))
    assert.deepStrictEqual(Policy.make(nothing), Policy.defaults)
  })

  it("have a name for each option", () => {
    assert.strictEqual(new Set(Policy.names).size, Policy.names.length)
    for (const name of ["cacheTtl", "waitMax", "ownerId", "waitStrategy"] as const) assert.include(Policy.names, name)
  })
})

describe("make", () => {
  it("resolves every duration to milliseconds", () => {
    assert.deepInclude(
      Policy.make({
        cacheTtl: "1 minute",
        staleWhileRevalidate: { seconds: 2 },
        staleIfError: Duration.hours(1),
        leaseTtl: "30 seconds",
        waitMax: 250,
        waitStep: "20 millis",
        cooldown: 0
      }),
      {
        cacheTtl: 60_000,
        staleWhileRevalidate: 2000,
        staleIfError: 3_600_000,
        leaseTtl: 30_000,
        waitMax: 250,
        waitStep: 20,
        cooldown: 0
      }
    )
  })

  it("takes missing options from its base, also where only half of a lifetime is given", () => {
    const base = Policy.make({ cacheTtl: 1000, staleIfError: 300, waitMax: 7, ownerId: "me", onCooling: "fail" })
    const policy = Policy.make({ staleWhileRevalidate: 500 }, base)
    assert.deepInclude(policy, { cacheTtl: 1000, staleIfError: 300, waitMax: 7, ownerId: "me", onCooling: "fail" })
    assert.deepStrictEqual(Policy.lifetimeOf(policy, "v", "k", 0), { fresh: 1000, stale: 500 })
    assert.deepStrictEqual(Policy.lifetimeOf(Policy.make({ cacheTtl: 9 }, base), "v", "k", 0), { fresh: 9, stale: 300 })
    const byValue = Policy.make({ cacheTtl: (value: unknown) => Number(value) }, base)
    assert.deepStrictEqual(Policy.lifetimeOf(byValue, 42, "k", 0), { fresh: 42, stale: 300 })
    assert.deepStrictEqual(Policy.lifetimeOf(Policy.make({ staleIfError: 0 }, byValue), 42, "k", 0), {
      fresh: 42,
      stale: 0
    })
    assert.deepStrictEqual(Policy.lifetimeOf(Policy.make({ cacheTtl: 5 }, byValue), 42, "k", 0), {
      fresh: 5,
      stale: 300
    })
  })

  it("changes neither its base nor the options", () => {
    const base = Object.freeze(Policy.make({ cacheTtl: 5 }))
    const options = Object.freeze({ cacheTtl: 6 })
    assert.strictEqual(Policy.make(options, base).cacheTtl, 6)
  })

  it("takes a strategy, a schedule or a function", () => {
    const strategy = WaitStrategy.fixed(5)
    assert.strictEqual(Policy.make({ waitStrategy: strategy }).waitStrategy, strategy)
    assert.isFunction(Policy.make({ waitStrategy: () => 5 }).waitStrategy.begin)
  })

  it("accepts everything within bounds, and nothing else", () => {
    const bounds = {
      leaseTtl: [10, 2 ** 40],
      waitMax: [0, Infinity],
      waitStep: [1, 2 ** 40],
      cooldown: [0, 2 ** 40],
      cacheTtl: [0, Infinity],
      staleIfError: [0, Infinity],
      staleWhileRevalidate: [0, Infinity]
    } as const
    for (const [name, [min, max]] of Object.entries(bounds)) {
      for (const value of [min, max, min + 1]) assert.strictEqual((Policy.make({ [name]: value }) as any)[name], value)
      for (const value of [min - 1, -Infinity, Number.NaN, ...(max === Infinity ? [] : [Infinity])]) {
        assert.throws(() => Policy.make({ [name]: value }), InvalidOption as never, name)
      }
    }
  })
})

describe("lifetimeOf", () => {
  it("keeps a value for the longer of the two windows after it is fresh", () => {
    assert.deepStrictEqual(lifetimeOf({}), { fresh: Infinity, stale: 0 })
    assert.deepStrictEqual(lifetimeOf({ cacheTtl: 1000 }), { fresh: 1000, stale: 0 })
    assert.deepStrictEqual(lifetimeOf({ cacheTtl: 1000, staleWhileRevalidate: 5, staleIfError: 7 }), {
      fresh: 1000,
      stale: 7
    })
    assert.deepStrictEqual(lifetimeOf({ cacheTtl: 1000, staleWhileRevalidate: 9, staleIfError: 7 }), {
      fresh: 1000,
      stale: 9
    })
  })

  it("is one shared object where nothing depends on the value, so each value holds only a pointer", () => {
    const policy = Policy.make({ cacheTtl: 1000 })
    assert.strictEqual(Policy.lifetimeOf(policy, 1, "a", 0), Policy.lifetimeOf(policy, 2, "b", 0.9))
  })

  it("calls a function with value and key, and checks its result", () => {
    assert.deepStrictEqual(lifetimeOf({ cacheTtl: (value, key) => `${value}${key}`.length * 1000 }), {
      fresh: 2000,
      stale: 0
    })
    assert.deepStrictEqual(lifetimeOf({ cacheTtl: () => "1 hour" }), { fresh: 3_600_000, stale: 0 })
    for (const given of [-1, Number.NaN, "soon", undefined, null]) {
      assert.throws(() => lifetimeOf({ cacheTtl: () => given as never }), InvalidOption as never)
    }
  })

  it("jitter shortens it by at most that share, and leaves the stale window", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (cacheTtl, jitter, random) => {
          const { fresh, stale } = lifetimeOf({ cacheTtl, jitter, staleIfError: 77 }, "v", random)
          assert.isAtMost(fresh, cacheTtl)
          assert.isAtLeast(fresh, Math.floor(cacheTtl * (1 - jitter)))
          assert.strictEqual(stale, 77)
        }
      )
    )
    assert.strictEqual(lifetimeOf({ jitter: 0.5 }, "v", 0.5).fresh, Infinity)
  })
})

describe("cooldownOf", () => {
  it("doubles with each failure in a row, up to its bound, and is never shorter than the cooldown", () => {
    const at = (options: Policy.Options<any>) =>
      [1, 2, 3, 4, 5, 50, 1e9].map((failures) => Policy.cooldownOf(Policy.make(options), failures))
    assert.deepStrictEqual(at({}), [100, 200, 400, 800, 1000, 1000, 1000])
    assert.deepStrictEqual(at({ cooldown: 5000 }), [5000, 5000, 5000, 5000, 5000, 5000, 5000])
    assert.deepStrictEqual(at({ cooldown: 0 }), [0, 0, 0, 0, 0, 0, 0])
    assert.deepStrictEqual(at({ cooldown: 100, cooldownMax: 0 }), [100, 100, 100, 100, 100, 100, 100])
  })
})

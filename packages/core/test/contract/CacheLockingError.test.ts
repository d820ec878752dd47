import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe, expect, expectTypeOf, it, vi } from "vitest"
import * as Cache from "../../src/Cache.ts"
import { isAdapterError } from "../../src/contract/Adapter.ts"
import * as Errors from "../../src/contract/CacheLockingError.ts"
import {
  type CacheLockingError,
  type ErrorTag,
  formatCacheLockingError,
  hasTag,
  isCacheLockingError,
  matchCacheLockingError
} from "../../src/contract/CacheLockingError.ts"
import { make } from "../../src/contract/Failures.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"

const context = { phase: "wait", key: "user:1", adapter: "redis" } as const
const common = { context, message: "told" }

const samples: { readonly [T in ErrorTag]: Extract<CacheLockingError, { readonly _tag: T }> } = {
  CACHE_GET_FAILED: new Errors.CacheGetFailed(common),
  CACHE_SET_FAILED: new Errors.CacheSetFailed(common),
  CACHE_DELETE_FAILED: new Errors.CacheDeleteFailed(common),
  LEASE_FAILED: new Errors.LeaseFailed(common),
  WAIT_TIMEOUT: new Errors.WaitTimeout({ ...common, waited: 4000 }),
  LOAD_COOLING: new Errors.LoadCooling({ ...common, retryIn: 100 }),
  FETCH_TIMEOUT: new Errors.FetchTimeout({ ...common, timeout: 50 }),
  REFRESH_FAILED: new Errors.RefreshFailed(common),
  REENTRANT_LOAD: new Errors.ReentrantLoad(common),
  ENCODE_FAILED: new Errors.EncodeFailed(common),
  DECODE_FAILED: new Errors.DecodeFailed(common),
  LIMIT_EXCEEDED: new Errors.LimitExceeded({ ...common, limit: "valueBytes", size: 300, max: 250 }),
  ABORTED: new Errors.Aborted(common),
  UNSUPPORTED: new Errors.Unsupported(common),
  CACHE_CLOSED: new Errors.CacheClosed(common),
  INVALID_OPTION: new Errors.InvalidOption({ ...common, option: "waitMax", value: -1, accepted: "0 or more" })
}
const all = Object.entries(samples) as ReadonlyArray<[ErrorTag, CacheLockingError]>

describe("the union", () => {
  it.each(all)("%s is an error with its tag, context and message", (tag, error) => {
    expect(error).toBeInstanceOf(Error)
    expect(error._tag).toBe(tag)
    expect(error.name).toBe(tag)
    expect(error.message).toBe("told")
    expect(error.context).toEqual(context)
  })

  it("keeps the cause", () => {
    const cause = new Error("connection refused")
    expect(new Errors.CacheGetFailed({ ...common, cause }).cause).toBe(cause)
  })
})

describe("isCacheLockingError", () => {
  it.each(all)("%s is one", (_, error) => {
    expect(isCacheLockingError(error)).toBe(true)
  })

  it.each([undefined, null, "ABORTED", {}, new Error("x"), { _tag: "ABORTED", context, message: "" }])(
    "%s is none",
    (thing) => {
      expect(isCacheLockingError(thing)).toBe(false)
    }
  )

  it("narrows", () => {
    const thing: unknown = samples.ABORTED
    if (isCacheLockingError(thing)) expectTypeOf(thing).toEqualTypeOf<CacheLockingError>()
  })
})

describe("another copy of this package", () => {
  /** The modules once more: their classes are others. */
  const copy = async () => {
    vi.resetModules()
    return import("../../src/index.ts")
  }

  it.each(all)("%s of it is one, too", async (tag) => {
    const other = await copy()
    const name = Object.entries(Errors).find(([, value]) => samples[tag].constructor === value)![0]
    const error = new (other as any)[name](samples[tag])
    expect(error).not.toBeInstanceOf(samples[tag].constructor)
    expect(isCacheLockingError(error)).toBe(true)
    expect(hasTag(error, tag)).toBe(true)
    expect(matchCacheLockingError(error, { _: formatCacheLockingError })).toContain(`${tag}: told`)
    expect(other.isCacheLockingError(samples[tag])).toBe(true)
  })

  it("its adapters fail with errors that are known", async () => {
    const other = await copy()
    const error = new other.AdapterError({ adapter: "a", operation: "read", reason: "Rejected", message: "no" })
    expect(isAdapterError(error)).toBe(true)
    const failures = make({ adapter: "b", verdict: () => "passes" })
    expect(failures.of("read", "k", error)).toBe(error)
  })

  it("over one memory, each reads what the other wrote", async () => {
    const other = await copy()
    const adapter = MemoryAdapter.make()
    const [one, two] = await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const here = yield* Cache.make<unknown>({ adapter })
          const there = yield* other.Cache.make<unknown>({ adapter })
          yield* here.set("here", new Map([[1, 2]]))
          yield* there.set("there", new Set([3]))
          yield* here.set("odd", () => "no codec can keep it")
          const odd = yield* there.getOrSet("odd", () => Effect.succeed("loaded"))
          return [yield* there.get("here"), [yield* here.get("there"), odd.value]] as const
        })
      )
    )
    expect(one).toEqual(Option.some(new Map([[1, 2]])))
    expect(two).toEqual([Option.some(new Set([3])), "loaded"])
  })
})

it("an object that throws when it is touched is no error of ours", () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  expect(isCacheLockingError(proxy)).toBe(false)
  expect(hasTag(proxy, "ABORTED")).toBe(false)
  expect(isAdapterError(proxy)).toBe(false)
})

describe("matchCacheLockingError", () => {
  it("answers by tag, and the rest by _", () => {
    const advise = (error: CacheLockingError) =>
      matchCacheLockingError(error, {
        WAIT_TIMEOUT: (late) => `waited ${late.waited}`,
        LIMIT_EXCEEDED: (limit) => limit.size - limit.max,
        _: (other) => other._tag
      })
    expect(advise(samples.WAIT_TIMEOUT)).toBe("waited 4000")
    expect(advise(samples.LIMIT_EXCEEDED)).toBe(50)
    expect(advise(samples.ABORTED)).toBe("ABORTED")
    expectTypeOf(advise).returns.toEqualTypeOf<string | number>()
  })

  it("gives each handler the error of its tag", () => {
    matchCacheLockingError(samples.ABORTED as CacheLockingError, {
      WAIT_TIMEOUT: (error) => expectTypeOf(error).toEqualTypeOf<Errors.WaitTimeout>(),
      INVALID_OPTION: (error) => expectTypeOf(error).toEqualTypeOf<Errors.InvalidOption>(),
      _: (error) => expectTypeOf(error).toEqualTypeOf<CacheLockingError>()
    })
  })

  it("takes a handler for every tag, and then no _", () => {
    const handlers = {
      CACHE_GET_FAILED: () => 1,
      CACHE_SET_FAILED: () => 2,
      CACHE_DELETE_FAILED: () => 3,
      LEASE_FAILED: () => 4,
      WAIT_TIMEOUT: () => 5,
      LOAD_COOLING: () => 6,
      FETCH_TIMEOUT: () => 7,
      REFRESH_FAILED: () => 8,
      REENTRANT_LOAD: () => 9,
      ENCODE_FAILED: () => 10,
      DECODE_FAILED: () => 11,
      LIMIT_EXCEEDED: () => 12,
      ABORTED: () => 13,
      UNSUPPORTED: () => 14,
      CACHE_CLOSED: () => 15,
      INVALID_OPTION: () => "last"
    }
    expect(all.map(([, error]) => matchCacheLockingError(error, handlers))).toEqual([
      ...Array.from({ length: 15 }, (_, at) => at + 1),
      "last"
    ])
    expectTypeOf(matchCacheLockingError(samples.ABORTED, handlers)).toEqualTypeOf<string | number>()
  })

  it("does not compile without a tag's handler, or with one for no tag", () => {
    const error: CacheLockingError = samples.ABORTED
    // @ts-expect-error the other tags, or _, are missing
    matchCacheLockingError(error, { WAIT_TIMEOUT: () => 1 })
    // @ts-expect-error no such tag
    matchCacheLockingError(error, { NO_SUCH_TAG: () => 1, _: () => 2 })
    // @ts-expect-error not what a wait timeout has
    matchCacheLockingError(error, { WAIT_TIMEOUT: (late) => late.nothing, _: () => 2 })
  })

  it("is not fooled by tags that objects have anyway", () => {
    const odd = Object.assign(new Errors.Aborted(common), { _tag: "toString" }) as unknown as CacheLockingError
    expect(matchCacheLockingError(odd, { _: () => "rest" })).toBe("rest")
  })
})

describe("formatCacheLockingError", () => {
  it("has tag, message, phase, adapter and key in one line", () => {
    expect(formatCacheLockingError(samples.WAIT_TIMEOUT)).toBe(
      'WAIT_TIMEOUT: told (phase wait, adapter redis, key "user:1")'
    )
  })

  it("has the fields that there are, and keeps odd keys on the line", () => {
    const bare = new Errors.CacheClosed({ context: { phase: "close" }, message: "closed" })
    expect(formatCacheLockingError(bare)).toBe("CACHE_CLOSED: closed (phase close)")
    const odd = new Errors.Aborted({ context: { phase: "wait", key: "a\nb" }, message: "gone" })
    expect(formatCacheLockingError(odd)).toBe('ABORTED: gone (phase wait, key "a\\nb")')
    const empty = new Errors.Aborted({ context: { phase: "wait", key: "" }, message: "gone" })
    expect(formatCacheLockingError(empty)).toBe('ABORTED: gone (phase wait, key "")')
  })
})

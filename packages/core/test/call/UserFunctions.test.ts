/**
 * Nothing that a function of the user's throws, rejects with or answers ends the process, leaves a lease, or hangs a call.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Cache from "../../src/Cache.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { hasTag, type InvalidOption } from "../../src/contract/CacheLockingError.ts"
import { createCache } from "../../src/promise.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { watchProcessEnds } from "../support/ProcessEnds.ts"
import { advance, begin, ended, scenario, type World } from "../support/Scenario.ts"
import { asksMany, remote } from "../support/Wrappers.ts"

watchProcessEnds()

/** An object each use of which throws. */
const hostile = (): any =>
  new Proxy(
    {},
    {
      get: () => {
        throw new Error("get")
      },
      has: () => {
        throw new Error("has")
      },
      getPrototypeOf: () => {
        throw new Error("getPrototypeOf")
      },
      ownKeys: () => {
        throw new Error("ownKeys")
      }
    }
  )

const revoked = (): any => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

// biome-ignore lint/suspicious/noThenProperty: it is to be like a promise
const thenable = (then: PropertyDescriptor) => Object.defineProperty({ a: 1 }, "then", then)

/** The things that a user's function may do. */
const deeds: { readonly [name: string]: (...args: ReadonlyArray<any>) => any } = {
  "throws an error": () => {
    throw new Error("thrown")
  },
  "throws nothing": () => {
    throw undefined
  },
  "throws what throws when it is touched": () => {
    throw hostile()
  },
  "throws a revoked proxy": () => {
    throw revoked()
  },
  rejects: async () => {
    throw new Error("rejected")
  },
  "rejects with what throws when it is touched": () => Promise.reject(hostile()),
  "rejects with a revoked proxy": () => Promise.reject(revoked()),
  "answers undefined": () => undefined,
  "answers null": () => null,
  "answers text": () => "text",
  "answers a number": () => Number.NaN,
  "answers an object": () => ({ a: 1 }),
  "answers an array": () => [1, "a", undefined],
  "answers a function": () => () => deeds["throws an error"]!(),
  "answers a symbol": () => Symbol("s"),
  "answers a promise": async () => "resolved",
  "answers a thenable that throws": () =>
    thenable({
      value: () => {
        throw new Error("then")
      }
    }),
  "answers a getter that throws": () =>
    thenable({
      get: () => {
        throw new Error("getter")
      }
    }),
  "answers what throws when it is touched": hostile,
  "answers a revoked proxy": revoked,
  "answers what cannot be text": () => ({
    toString: () => {
      throw new Error("toString")
    },
    valueOf: () => {
      throw new Error("valueOf")
    }
  }),
  "answers an iterator that throws": () => ({
    *[Symbol.iterator]() {
      yield ["a", 1]
      throw new Error("iterator")
    }
  }),
  "answers a Map with an odd iterator": () => Object.assign(new Map([["a", 1]]), { [Symbol.iterator]: () => 5 }),
  "answers an effect that fails": () => Effect.fail("failed"),
  "answers an effect that dies": () => Effect.die(hostile())
}

const kinds: ReadonlyArray<readonly [kind: string, make: () => Adapter]> = [
  ["memory", () => MemoryAdapter.make()],
  ["a remote store", () => remote(MemoryAdapter.make())],
  ["a store that is asked for many", () => asksMany(MemoryAdapter.make())]
]

const ignore = () => {}

type Deed = (...args: ReadonlyArray<any>) => any

/** The functions of the user's, each in a call that uses it. A key that is fresh afterwards, or absent, is asked for again. */
const roads: {
  readonly [name: string]: (adapter: Adapter, deed: Deed) => Promise<unknown>
} = {
  fetcher: (adapter, deed) => createCache<any>({ adapter }).getOrSet("a", deed),
  "fetcher of refresh": (adapter, deed) => createCache<any>({ adapter }).refresh("a", deed),
  fetchMany: (adapter, deed) => createCache<any>({ adapter }).getOrSetMany(["a", "b"], deed),
  shouldCache: (adapter, deed) => createCache<any>({ adapter, shouldCache: deed }).getOrSet("a", () => 1),
  cacheTtl: (adapter, deed) => createCache<any>({ adapter, cacheTtl: deed }).getOrSet("a", () => 1),
  tags: (adapter, deed) => createCache<any>({ adapter, tags: deed }).getOrSet("a", () => 1),
  "tags of set": (adapter, deed) => createCache<any>({ adapter, tags: deed }).set("a", 1),
  "cacheTtl of set": (adapter, deed) => createCache<any>({ adapter, cacheTtl: deed }).set("a", 1),
  origin: (adapter, deed) => createCache<any>({ adapter }).set("a", 1, { origin: deed }),
  "hooks.onLeader": (adapter, deed) => createCache<any>({ adapter, hooks: { onLeader: deed } }).getOrSet("a", () => 1),
  "hooks.onHit": async (adapter, deed) => {
    await createCache<any>({ adapter }).set("a", 1)
    return createCache<any>({ adapter, hooks: { onHit: deed } }).getOrSet("a", () => 1)
  },
  "hooks.onHit of a batch": async (adapter, deed) => {
    await createCache<any>({ adapter }).set("a", 1)
    return createCache<any>({ adapter, hooks: { onHit: deed } }).getOrSetMany(["a", "b"], () => [["b", 2]])
  },
  "hooks.onError": (adapter, deed) =>
    createCache<any>({
      adapter,
      hooks: { onError: deed },
      shouldCache: () => {
        throw new Error("reported")
      }
    }).getOrSet("a", () => 1),
  "encode of a codec": (adapter, deed) =>
    createCache<any>({ adapter, codec: { name: "c", encode: deed, decode: () => 1 } }).getOrSet("a", () => 1),
  "encode of an async codec": (adapter, deed) =>
    createCache<any>({ adapter, codec: { name: "c", async: true, encode: deed, decode: () => 1 } }).getOrSet(
      "a",
      () => 1
    ),
  "decode of a codec": async (adapter, deed) => {
    await createCache<any>({ adapter, codec: codec(() => 1) }).set("a", 1)
    return createCache<any>({ adapter, codec: codec(deed) }).getOrSet("a", () => 1)
  },
  "decode of an async codec": async (adapter, deed) => {
    await createCache<any>({ adapter, codec: codec(() => 1) }).set("a", 1)
    return createCache<any>({ adapter, codec: { ...codec(deed), async: true } }).getOrSet("a", () => 1)
  },
  "encode of failureCodec": (adapter, deed) =>
    createCache<any>({ adapter, failureCodec: { ...codec(() => 1), encode: deed } }).getOrSet("a", () =>
      Promise.reject(new Error("down"))
    ),
  waitUntil: (adapter, deed) => createCache<any>({ adapter, waitUntil: deed }).getOrSet("a", () => 1),
  "waitUntil, later": (adapter, deed) => {
    let calls = 0
    return createCache<any>({ adapter, waitUntil: (work) => (calls++ === 0 ? undefined : deed(work)) }).getOrSet(
      "a",
      () => 1
    )
  },
  "reason of a signal": (adapter, deed) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    let listener: any
    const signal: any = {
      aborted: false,
      get reason() {
        return deed()
      },
      addEventListener: (_: string, given: any) => {
        listener = given
      },
      removeEventListener: () => {}
    }
    const asked = createCache<any>({ adapter }).getOrSet("a", () => promise, { signal })
    setImmediate(() => {
      listener.handleEvent()
      resolve("late")
    })
    return asked
  },
  sizeOf: (_, deed) =>
    createCache<any>({ adapter: MemoryAdapter.make({ maxBytes: 1000, sizeOf: deed }) }).getOrSet("a", () => 1)
}

const codec = (decode: Deed) => ({ name: "c", encode: () => new Uint8Array([1]), decode })

for (const [kind, make] of kinds) {
  describe(`promises, over ${kind}`, () => {
    for (const [name, road] of Object.entries(roads)) {
      it(`${name}: whatever it does, the call ends and the key is free`, async () => {
        for (const [what, deed] of Object.entries(deeds)) {
          const store = make()
          // A call that hangs fails here, by the test's own time.
          await new Promise((resolve) => resolve(road(store, deed))).then(ignore, ignore)
          const left = await Effect.runPromise(store.read("a"))
          assert.isUndefined(left.lease, `a lease is left: ${what}`)
        }
      })
    }
  })
}

type Call = (cache: Cache.Cache<any>, deed: Deed, world: World) => Effect.Effect<unknown, unknown>

interface EffectRoad {
  readonly options?: (deed: Deed) => Omit<Cache.Options<any, any>, "adapter">
  readonly before?: (world: World) => Effect.Effect<unknown, unknown, Scope.Scope>
  readonly call: Call
  /** A load of another process is under way, whose lease is not ours to end. */
  readonly follows?: true
}

const setOld = (world: World) =>
  Effect.gen(function* () {
    const { cache } = yield* world.cache<any>({ cacheTtl: 10, staleWhileRevalidate: 10_000 }, remote)
    yield* cache.set("a", "old")
    yield* advance(20)
  })

const one = () => Effect.succeed(1)

const effectRoads: { readonly [name: string]: EffectRoad } = {
  fetcher: { call: (cache, deed) => cache.getOrSet("a", deed) },
  "fetcher of refresh": { call: (cache, deed) => cache.refresh("a", deed) },
  "fetcher behind a stale value": {
    options: () => ({ staleWhileRevalidate: 10_000 }),
    before: setOld,
    call: (cache, deed) => cache.getOrSet("a", deed)
  },
  "fetcher of an early refresh": {
    options: () => ({ cacheTtl: 1_000, earlyRefresh: { beta: 1e9 } }),
    before: (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<any>({ cacheTtl: 1_000 }, remote)
        yield* Effect.forkChild(cache.getOrSet("a", () => Effect.delay(Effect.succeed("old"), 100)))
        yield* advance(100)
      }),
    call: (cache, deed) => cache.getOrSet("a", deed)
  },
  "fetcher beside another's load": {
    options: () => ({ waitMax: 100 }),
    before: (world) => world.crash("a", 10_000),
    call: (cache, deed) => cache.getOrSet("a", deed),
    follows: true
  },
  fetchMany: { call: (cache, deed) => cache.getOrSetMany(["a", "b"], deed) },
  "fetchMany behind stale values": {
    options: () => ({ staleWhileRevalidate: 10_000 }),
    before: setOld,
    call: (cache, deed) => cache.getOrSetMany(["a", "b"], deed)
  },
  "answer of fetchMany": {
    call: (cache, deed) => cache.getOrSetMany(["a", "b"], () => Effect.sync(() => deed()))
  },
  origin: { call: (cache, deed) => cache.set("a", 1, { origin: deed }) },
  "hooks.onLeader": {
    options: (deed) => ({ hooks: { onLeader: deed } }),
    call: (cache) => cache.getOrSet("a", one)
  },
  "hooks.onHit": {
    options: (deed) => ({ staleWhileRevalidate: 10_000, hooks: { onHit: deed } }),
    before: setOld,
    call: (cache) => cache.getOrSet("a", one)
  },
  "hooks.onFollowerWait": {
    options: (deed) => ({ waitMax: 100, hooks: { onFollowerWait: deed } }),
    before: (world) => world.crash("a", 10_000),
    call: (cache) => cache.getOrSet("a", one),
    follows: true
  },
  "hooks.onFallback": {
    options: (deed) => ({ waitMax: 100, hooks: { onFallback: deed } }),
    before: (world) => world.crash("a", 10_000),
    call: (cache) => cache.getOrSet("a", one),
    follows: true
  },
  "hooks.onError and onRefreshError": {
    options: (deed) => ({ staleWhileRevalidate: 10_000, hooks: { onError: deed, onRefreshError: deed } }),
    before: setOld,
    call: (cache) => cache.getOrSet("a", () => Effect.fail("down"))
  },
  waitStrategy: {
    options: (deed) => ({ waitMax: 100, waitStrategy: deed }),
    before: (world) => world.crash("a", 10_000),
    call: (cache) => cache.getOrSet("a", one),
    follows: true
  },
  shouldCache: {
    options: (deed) => ({ staleWhileRevalidate: 10_000, shouldCache: deed }),
    before: setOld,
    call: (cache) => cache.getOrSet("a", one)
  }
}

describe("effects", () => {
  for (const [name, { before, call, follows, options }] of Object.entries(effectRoads)) {
    for (const [what, deed] of Object.entries(deeds)) {
      scenario(`${name} ${what}: the call ends and the key is free`, (world) =>
        Effect.gen(function* () {
          yield* before?.(world) ?? Effect.void
          const { cache } = yield* world.cache<any, any>(options?.(deed), remote)
          const caller = yield* begin(Effect.exit(call(cache, deed, world)))
          yield* advance(1_000)
          ended(caller)
          if (follows !== true) assert.isUndefined((yield* world.store.read("a")).lease)
        })
      )
    }
  }
})

/** The error that a promise rejected with. */
const rejection = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => assert.fail("resolved"),
    (error: unknown) => error
  )

describe("a wrong answer is named", () => {
  const odd: ReadonlyArray<readonly [answered: unknown, words: string]> = [
    [{ a: 1 }, "an object"],
    ["ab", "text"],
    [undefined, "undefined"],
    [5, "a number"],
    [["v", "w"], "an array whose item 0 is text"],
    [[{ id: 1 }], "an array whose item 0 is an object"],
    [[["a", 1], ["b"]], "an array whose item 1 is an array of 1"],
    [[[1, "one"]], "an array whose item 0 is a pair whose key is a number"],
    [new Set(["a"]), "an object whose item 0 is text"],
    [
      {
        *[Symbol.iterator]() {
          yield ["a", 1]
          throw new Error("the cursor was closed")
        }
      },
      "an object that threw while it was read"
    ]
  ]

  for (const [answer, words] of odd) {
    it(`of fetchMany: ${words}`, async () => {
      const cache = createCache<any>({ adapter: MemoryAdapter.make() })
      const error = await rejection(cache.getOrSetMany(["a", "b"], () => answer as never))
      assert.isTrue(hasTag(error, "INVALID_OPTION"), String(error))
      const { accepted, context, message, option, value } = error as InvalidOption
      assert.deepStrictEqual([option, value, context.phase], ["fetchMany", words, "fetch"])
      assert.strictEqual(message, `fetchMany answered ${words}; accepted: ${accepted}`)
    })
  }

  it("of fetchMany, with the error of its iterator", async () => {
    const cause = new Error("the cursor was closed")
    const cache = createCache<any>({ adapter: MemoryAdapter.make() })
    const error = await rejection(
      cache.getOrSetMany(["a"], function* (): any {
        yield* []
        throw cause
      })
    )
    assert.strictEqual(error.cause, cause)
  })

  const names: ReadonlyArray<readonly [name: string, call: (cache: Cache.Cache<any>) => Effect.Effect<any, any>]> = [
    ["fetcher", (cache) => cache.getOrSet("a", (async () => "a") as never)],
    ["fetchMany", (cache) => cache.getOrSetMany(["a"], (async () => []) as never)],
    ["origin", (cache) => cache.set("a", 1, { origin: (async () => {}) as never })],
    ["hooks.onLeader", (cache) => cache.getOrSet("a", one, { hooks: { onLeader: (async () => {}) as never } })]
  ]
  for (const [name, call] of names) {
    scenario(`of an Effect cache's ${name}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<any>()
        const error = yield* Effect.flip(call(cache))
        assert.strictEqual(error.message, `${name} answered a promise; accepted: an effect`)
      })
    )
  }
})

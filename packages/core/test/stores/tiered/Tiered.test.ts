import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as TestConsole from "effect/testing/TestConsole"
import * as Cache from "../../../src/Cache.ts"
import * as Codec from "../../../src/codec/Codec.ts"
import { encodedValue } from "../../../src/codec/EncodedValue.ts"
import { type Adapter, AdapterError, type ChangeListener, type Hit, type Value } from "../../../src/contract/Adapter.ts"
import { InvalidOption } from "../../../src/contract/CacheLockingError.ts"
import { createCache } from "../../../src/promise.ts"
import * as MemoryAdapter from "../../../src/stores/MemoryAdapter.ts"
import * as Bus from "../../../src/stores/tiered/Bus.ts"
import * as Tiered from "../../../src/stores/tiered/Tiered.ts"
import * as Tags from "../../../src/tags/Tags.ts"
import { faulty } from "../../support/Faulty.ts"
import { assertMembers, whole } from "../../support/Members.ts"
import { Origin } from "../../support/Origin.ts"
import { Recorded } from "../../support/Recorded.ts"
import { advance, begin, bytesOf, flush, stepped } from "../../support/Scenario.ts"
import { peer, remote } from "../../support/Wrappers.ts"

const decoder = new TextDecoder()
const textOf = (value: Value | undefined) => value && decoder.decode(value.bytes)

/** An adapter that does not report changes. */
const withoutPush = ({ changes: _, ...far }: Adapter): Adapter => far

const forever = { fresh: Infinity, stale: 0 }

const put = (adapter: Adapter, key: string, text = key, lifetime = forever) =>
  adapter.put(key, { value: bytesOf(text), lifetime })

const ask = (adapter: Adapter, key: string, owner = "asker") => adapter.acquire(key, { owner, leaseFor: 1000 })

/** The value that is returned without asking the far tier. */
const near = (adapter: Adapter, key: string) =>
  Effect.clockWith((clock) => Effect.succeed(textOf(adapter.hitUnsafe!(key, clock)?.value)))

const lead = (adapter: Adapter, key: string, options: { readonly force?: boolean } = {}) =>
  Effect.map(adapter.acquire(key, { owner: "leader", leaseFor: 1000, ...options }), (found) =>
    found._tag === "Leader" ? found.token : assert.fail(`not a leader but ${found._tag}`)
  )

/** Two processes over one far tier that reports changes. */
const pair = (near: Tiered.Near = {}, options?: Tiered.Options, wrap: (far: Adapter) => Adapter = (far) => far) => {
  const store = MemoryAdapter.make()
  const make = () => {
    const far = new Recorded(wrap(remote(peer(store))))
    return { far, tiered: Tiered.make([near, far.adapter], options) }
  }
  return { store, a: make(), b: make() }
}

/** A far tier whose connection for changes the test controls. */
const breakable = () => {
  const listeners = new Set<ChangeListener>()
  let cut = false
  const wrap = (far: Adapter): Adapter => ({
    ...far,
    changes: (listener) => {
      listeners.add(listener)
      return far.changes!({ ...listener, changed: (key) => (cut ? undefined : listener.changed(key)) })
    }
  })
  return {
    wrap,
    listeners,
    /** From now on no change is reported, and nobody notices. */
    cut: () => {
      cut = true
    },
    heal: () => {
      cut = false
    },
    lose: () => {
      cut = true
      for (const listener of listeners) listener.lost()
    },
    restore: () => {
      cut = false
      for (const listener of listeners) listener.restored()
    }
  }
}

const refused = (f: () => unknown): InvalidOption => {
  try {
    f()
  } catch (error) {
    if (error instanceof InvalidOption) return error
    throw error
  }
  return assert.fail("it was not refused")
}

describe("a near tier", () => {
  it("has each member that still holds for it, over a far tier that has all", () => {
    const far = whole({ shortestLease: 77 })
    const tiered = Tiered.make([{}, far])
    assertMembers(tiered, far, {
      name: "own",
      limits: "as it is",
      identity: "absent",
      keepsReferences: "as it is",
      dropsTagged: "as it is",
      acquire: "own",
      fill: "own",
      abandon: "as it is",
      renew: "as it is",
      delete: "own",
      put: "own",
      touch: "own",
      read: "own",
      watch: "as it is",
      keys: "as it is",
      changes: "as it is",
      acquireMany: "own",
      deleteMany: "own",
      hitUnsafe: "own",
      valueUnsafe: "own",
      evictions: "own",
      tiers: "own",
      pollEvery: "as it is",
      partOf: "as it is",
      close: "own"
    })
    assert.strictEqual(tiered.evictions!(), 7)
  })
})

describe("copies", () => {
  it.live("a warm near hit asks the far tier nothing through the promise facade either, by any method", () =>
    Effect.promise(async () => {
      const far = new Recorded(remote(MemoryAdapter.make()))
      const adapter = Tiered.make([{}, far.adapter])
      const plain = createCache<string>({ adapter, cacheTtl: "1 hour" })
      const sliding = createCache<string>({ adapter, cacheTtl: "1 hour", sliding: true, earlyRefresh: true })
      const load = async () => "v"
      await plain.getOrSet("k", load)
      await plain.getOrSet("k", load)
      const asked = far.verbs.length
      for (const cache of [plain, sliding]) {
        assert.strictEqual(await cache.getOrSet("k", load), "v")
        assert.deepInclude(await cache.getOrSetWithMeta("k", load), { value: "v" })
        assert.strictEqual((await cache.getOrSetWithMeta("k", load, {})).meta.cache, "HIT")
        assert.strictEqual(await cache.get("k"), "v")
      }
      assert.deepStrictEqual(far.verbs.slice(asked), [])
      await Promise.all([plain.close(), sliding.close()])
    })
  )

  it.effect("a warm near hit asks the far tier nothing, decodes once, and is counted", () =>
    Effect.gen(function* () {
      const { a, b } = pair()
      let decodes = 0
      const json = Codec.json<{ readonly n: number }>()
      const codec: Codec.SyncCodec<{ readonly n: number }> = {
        ...json,
        decode: (bytes) => {
          decodes++
          return json.decode(bytes)
        }
      }
      yield* b.tiered.put("k", { value: encodedValue({ n: 1 }, codec), lifetime: forever })
      const cache = yield* Cache.make<{ readonly n: number }>({ adapter: a.tiered, codec })
      const origin = new Origin()
      const fetch = origin.load(0, () => Effect.succeed({ n: 2 }))
      const first = yield* cache.getOrSet("k", fetch)
      assert.deepStrictEqual(a.far.verbs, ["acquire"])
      for (let i = 0; i < 100; i++) {
        const { meta, value } = yield* cache.getOrSet("k", fetch)
        assert.strictEqual(meta.cache, "HIT")
        assert.strictEqual(value, first.value)
      }
      assert.deepStrictEqual(yield* cache.get("k"), Option.some({ n: 1 }))
      assert.deepStrictEqual(a.far.verbs, ["acquire"])
      assert.strictEqual(decodes, 1)
      assert.strictEqual(origin.calls, 0)
      assert.deepStrictEqual(a.tiered.tiers!(), [
        { name: "near", hits: 101, misses: 1, evictions: 0 },
        { name: "memory", hits: 1, misses: 0, evictions: 0 }
      ])
    })
  )

  it.effect("are made by reads too, and not of stale values", () =>
    Effect.gen(function* () {
      const { a, b } = pair()
      yield* put(b.tiered, "fresh")
      yield* put(b.tiered, "stale", "stale", { fresh: 0, stale: 1000 })
      for (const key of ["fresh", "stale"]) yield* a.tiered.read(key)
      assert.strictEqual(yield* near(a.tiered, "fresh"), "fresh")
      assert.isUndefined(yield* near(a.tiered, "stale"))
    })
  )

  it.effect("live as long as the far tier says, counted from the request, and report their true times", () =>
    Effect.gen(function* () {
      const slow = (far: Adapter): Adapter => ({
        ...far,
        acquire: (key, options) => Effect.tap(far.acquire(key, options), () => Effect.sleep(30))
      })
      const { a, store } = pair({ ttl: "1 hour" }, undefined, slow)
      yield* put(store, "k", "v", { fresh: 100, stale: 1000 })
      yield* advance(10)
      const request = yield* begin(ask(a.tiered, "k"))
      yield* advance(30)
      yield* Fiber.join(request)
      const clock = yield* Effect.clockWith(Effect.succeed)
      assert.deepInclude(a.tiered.hitUnsafe!("k", clock), { age: 40, freshFor: 60 })
      yield* advance(59)
      assert.strictEqual(yield* near(a.tiered, "k"), "v")
      yield* advance(1)
      assert.isUndefined(yield* near(a.tiered, "k"))
      assert.isUndefined(a.tiered.valueUnsafe!("k", clock))
    })
  )

  it.effect("live no longer than the near tier's own time, and still report the far tier's freshness", () =>
    Effect.gen(function* () {
      const { a, b } = pair({ ttl: 50 })
      yield* put(b.tiered, "k")
      yield* put(b.tiered, "brief", "v", { fresh: 20, stale: 0 })
      yield* ask(a.tiered, "k")
      yield* ask(a.tiered, "brief")
      const clock = yield* Effect.clockWith(Effect.succeed)
      assert.strictEqual(a.tiered.hitUnsafe!("k", clock)?.freshFor, Infinity)
      yield* advance(20)
      assert.isUndefined(yield* near(a.tiered, "brief"))
      yield* advance(29)
      assert.strictEqual(yield* near(a.tiered, "k"), "k")
      yield* advance(1)
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("know nothing of the wall clock's steps", () =>
    Effect.gen(function* () {
      const { a, b } = pair({ ttl: 100 })
      yield* put(b.tiered, "k")
      yield* ask(a.tiered, "k")
      let step = 0
      const clock = yield* stepped(() => step)
      const hits = () =>
        [3_600_000, -3_600_000].map((by) => {
          step = by
          return a.tiered.hitUnsafe!("k", clock) !== undefined
        })
      assert.deepStrictEqual(hits(), [true, true])
      yield* advance(100)
      assert.deepStrictEqual(hits(), [false, false])
    })
  )

  it.effect("are bounded by entries and by bytes", () =>
    Effect.gen(function* () {
      const { a, b } = pair({ maxEntries: 3 })
      const bytes = pair({ maxBytes: 10 })
      for (const key of ["a", "b", "c", "d"]) {
        yield* put(b.tiered, key)
        yield* ask(a.tiered, key)
      }
      assert.isUndefined(yield* near(a.tiered, "a"))
      assert.strictEqual(yield* near(a.tiered, "d"), "d")
      assert.strictEqual(a.tiered.evictions!(), 1)
      for (const key of ["1234", "12345", "12345678", "12345678901"]) {
        yield* put(bytes.b.tiered, key)
        yield* ask(bytes.a.tiered, key)
      }
      assert.isUndefined(yield* near(bytes.a.tiered, "1234"))
      assert.strictEqual(yield* near(bytes.a.tiered, "12345678"), "12345678")
      assert.isUndefined(yield* near(bytes.a.tiered, "12345678901"))
    })
  )

  it.effect("do not keep a large buffer for a small view of it", () =>
    Effect.gen(function* () {
      const views = (far: Adapter): Adapter => ({
        ...far,
        read: (key) =>
          Effect.map(far.read(key), (found) => {
            const large = new Uint8Array(65_536)
            large.set(found.value!.bytes, 100)
            return { ...found, value: { bytes: large.subarray(100, 100 + found.value!.bytes.length) } }
          })
      })
      const { a, store } = pair({}, undefined, views)
      yield* put(store, "k", "value")
      yield* a.tiered.read("k")
      const clock = yield* Effect.clockWith(Effect.succeed)
      const { bytes } = a.tiered.valueUnsafe!("k", clock)!
      assert.strictEqual(decoder.decode(bytes), "value")
      assert.isBelow(bytes.buffer.byteLength, 64)
    })
  )

  it.effect("are dropped when the far tier has the value no more", () =>
    Effect.gen(function* () {
      // The far tier evicts values and does not report it.
      const { a, store } = pair({ ttl: 1000 }, undefined, withoutPush)
      yield* put(store, "k")
      yield* ask(a.tiered, "k")
      yield* store.delete("k")
      assert.strictEqual(yield* near(a.tiered, "k"), "k")
      yield* ask(a.tiered, "k")
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("of one codec are not given to another", () =>
    Effect.gen(function* () {
      const { a } = pair({ ttl: 1000 }, undefined, withoutPush)
      // Keeps the copies while no other cache is open.
      yield* Cache.make<string>({ adapter: a.tiered, name: "other" })
      const within = <A, E>(
        codec: Codec.Codec<string>,
        use: (cache: Cache.Cache<string>) => Effect.Effect<A, E>
      ): Effect.Effect<A, E | InvalidOption> =>
        Effect.scoped(Effect.flatMap(Cache.make<string>({ adapter: a.tiered, codec }), use))
      const reads = (codec: Codec.Codec<string>) => within(codec, (cache) => cache.get("k"))
      yield* within(Codec.string, (cache) => cache.set("k", "text"))
      assert.deepStrictEqual(yield* reads(Codec.string), Option.some("text"))
      assert.deepStrictEqual(yield* reads(Codec.json()), Option.none())
      assert.deepStrictEqual(yield* reads(Codec.string), Option.some("text"))
    })
  )

  it.effect("asynchronous codecs decode once too", () =>
    Effect.gen(function* () {
      let decodes = 0
      const codec: Codec.AsyncCodec<string> = {
        name: "later",
        async: true,
        encode: async (value) => Codec.string.encode(value),
        decode: async (bytes) => {
          decodes++
          return Codec.string.decode(bytes) as string
        }
      }
      const { a } = pair()
      const cache = yield* Cache.make<string>({ adapter: a.tiered, codec })
      const origin = new Origin()
      yield* cache.getOrSet("k", origin.gives())
      for (let i = 0; i < 10; i++) assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).value, "v1")
      // The leader's own value, and the first hit of the copy.
      assert.strictEqual(decodes, 2)
      assert.deepStrictEqual(a.far.verbs, ["acquire", "fill", "acquire"])
    })
  )
})

describe("changes by other processes", () => {
  for (const [name, setup] of [
    ["the far tier's changes", () => pair()],
    ["a bus", () => pair({}, { bus: Bus.inProcess() }, withoutPush)]
  ] as const) {
    it.effect(`delete, put and fill drop the copy, by ${name}`, () =>
      Effect.gen(function* () {
        const { a, b } = setup()
        const changes = [
          ["delete", () => b.tiered.delete("k"), undefined],
          ["put", () => put(b.tiered, "k", "put"), "put"],
          [
            "fill",
            () =>
              Effect.flatMap(lead(b.tiered, "k", { force: true }), (token) =>
                b.tiered.fill("k", { token, value: bytesOf("filled"), lifetime: forever })
              ),
            "filled"
          ]
        ] as const
        for (const [what, change, after] of changes) {
          yield* put(b.tiered, "k", "old")
          yield* ask(a.tiered, "k")
          assert.strictEqual(yield* near(a.tiered, "k"), "old", `before ${what}`)
          yield* change()
          assert.isUndefined(yield* near(a.tiered, "k"), `after ${what}`)
          assert.strictEqual(textOf((yield* a.tiered.read("k")).value), after)
        }
      })
    )
  }

  it.effect("an answer whose key changed on its way is handed on, and not kept", () =>
    Effect.gen(function* () {
      for (const verb of ["acquire", "read"] as const) {
        const gate = Latch.makeUnsafe()
        const held = (far: Adapter): Adapter => ({
          ...far,
          [verb]: (key: string, options: any) =>
            Effect.tap((far[verb] as any)(key, options) as Effect.Effect<any, any>, () => gate.await)
        })
        const { a, store } = pair({}, undefined, held)
        const b = Tiered.make([{}, peer(store)])
        const get = (key: string): Effect.Effect<{ readonly value?: Value | undefined }, AdapterError> =>
          verb === "read" ? a.tiered.read(key) : Effect.map(ask(a.tiered, key), (found) => found as Hit)
        yield* put(b, "k", "old")
        yield* put(b, "other", "other")
        const request = yield* begin(get("k"))
        const other = yield* begin(get("other"))
        yield* put(b, "k", "new")
        gate.openUnsafe()
        const found = yield* Fiber.join(request)
        yield* Fiber.join(other)
        assert.strictEqual(textOf(found.value), "old")
        assert.isUndefined(yield* near(a.tiered, "k"), verb)
        assert.strictEqual(yield* near(a.tiered, "other"), "other", verb)
      }
    })
  )

  it.effect("after ten thousand changes during one request its answer is not kept, and nothing else is lost", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe()
      const held = (far: Adapter): Adapter => ({ ...far, read: (key) => Effect.tap(far.read(key), () => gate.await) })
      const { a, store } = pair({}, undefined, held)
      yield* put(store, "k", "old")
      const request = yield* begin(a.tiered.read("k"))
      yield* put(store, "k", "new")
      for (let i = 0; i < 10_000; i++) yield* store.delete(`other${i}`)
      gate.openUnsafe()
      yield* Fiber.join(request)
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* a.tiered.read("k")
      assert.strictEqual(yield* near(a.tiered, "k"), "new")
    })
  )

  it.effect("nothing is kept before the subscription is live, and a subscription that fails is tried again", () =>
    Effect.gen(function* () {
      let tries = 0
      const late = (far: Adapter): Adapter => ({
        ...far,
        changes: (listener) =>
          Effect.suspend(() => {
            const n = ++tries
            const error = { adapter: "late", operation: "changes", reason: "Unavailable", message: "no" } as const
            if (n === 1) return Effect.fail(new AdapterError(error))
            return Effect.andThen(Effect.sleep(10), far.changes!(listener))
          })
      })
      const { a, store } = pair({ ttl: "1 hour" }, undefined, late)
      yield* put(store, "k")
      yield* ask(a.tiered, "k")
      yield* ask(a.tiered, "k")
      assert.strictEqual(tries, 1)
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* advance(5_000)
      yield* ask(a.tiered, "k")
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* advance(10)
      assert.strictEqual(tries, 2)
      yield* ask(a.tiered, "k")
      assert.strictEqual(yield* near(a.tiered, "k"), "k")
    })
  )
})

describe("suspension", () => {
  it.effect("a lost connection drops every copy at once, and none is made until it is back", () =>
    Effect.gen(function* () {
      const { lose, restore, wrap } = breakable()
      const { a, b } = pair({}, undefined, wrap)
      yield* put(b.tiered, "k", "old")
      yield* ask(a.tiered, "k")
      lose()
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* ask(a.tiered, "k")
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* put(b.tiered, "k", "new")
      restore()
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* ask(a.tiered, "k")
      assert.strictEqual(yield* near(a.tiered, "k"), "new")
      yield* put(b.tiered, "k", "newer")
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("the answer to a request from before the connection came back is not kept", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe()
      const { lose, restore, wrap } = breakable()
      const held = (far: Adapter): Adapter =>
        wrap({ ...far, read: (key) => Effect.tap(far.read(key), () => gate.await) })
      const { a, store } = pair({}, undefined, held)
      yield* put(store, "k", "old")
      yield* ask(a.tiered, "k")
      lose()
      const request = yield* begin(a.tiered.read("k"))
      yield* put(store, "k", "new")
      restore()
      gate.openUnsafe()
      yield* Fiber.join(request)
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("a subscription that does not come back is replaced", () =>
    Effect.gen(function* () {
      const { listeners, lose, wrap, heal } = breakable()
      const { a, b } = pair({ ttl: "1 hour" }, undefined, wrap)
      yield* put(b.tiered, "k")
      yield* ask(a.tiered, "k")
      assert.strictEqual(listeners.size, 2)
      lose()
      heal()
      yield* ask(a.tiered, "k")
      yield* advance(5_000)
      yield* ask(a.tiered, "k")
      assert.strictEqual(listeners.size, 3)
      yield* ask(a.tiered, "k")
      assert.strictEqual(yield* near(a.tiered, "k"), "k")
    })
  )

  for (const [name, options, wrapping] of [
    ["the far tier", () => ({ heartbeat: 100 }), (wrap: (far: Adapter) => Adapter) => wrap],
    ["a bus", (bus: Bus.Bus) => ({ heartbeat: 100, bus }), () => withoutPush]
  ] as const) {
    it.effect(`copies are dropped two heartbeats after a connection was lost unnoticed, by ${name}`, () =>
      Effect.gen(function* () {
        const wire = breakable()
        let cut = false
        const inner = Bus.inProcess()
        const bus: Bus.Bus = { ...inner, publish: (text) => (cut ? Effect.void : inner.publish(text)) }
        const { a, b, store } = pair({ ttl: "1 hour" }, options(bus), wrapping(wire.wrap))
        yield* put(b.tiered, "k", "old")
        yield* ask(a.tiered, "k")
        yield* advance(1000)
        assert.strictEqual(yield* near(a.tiered, "k"), "old")
        wire.cut()
        cut = true
        yield* put(store, "k", "new")
        yield* advance(199)
        // The stated bound.
        assert.strictEqual(yield* near(a.tiered, "k"), "old")
        yield* advance(1)
        assert.isUndefined(yield* near(a.tiered, "k"))
        yield* ask(a.tiered, "k")
        assert.isUndefined(yield* near(a.tiered, "k"))
        wire.heal()
        cut = false
        yield* advance(100)
        yield* ask(a.tiered, "k")
        assert.strictEqual(yield* near(a.tiered, "k"), "new")
        yield* a.tiered.close!
        yield* b.tiered.close!
      })
    )
  }

  it.effect("a missing heartbeat drops the copies, since changes may be missing too", () =>
    Effect.gen(function* () {
      const wire = breakable()
      const { a, store } = pair({ ttl: "1 hour" }, { heartbeat: 100 }, wire.wrap)
      yield* put(store, "k", "old")
      yield* ask(a.tiered, "k")
      yield* advance(50)
      wire.cut()
      yield* put(store, "k", "new")
      yield* advance(50)
      wire.heal()
      assert.strictEqual(yield* near(a.tiered, "k"), "old")
      yield* advance(100)
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* a.tiered.close!
    })
  )

  it.effect("close ends the subscription and the heartbeats; a later use begins again", () =>
    Effect.gen(function* () {
      const { a, b } = pair({}, { heartbeat: 100 })
      yield* put(b.tiered, "k")
      yield* ask(a.tiered, "k")
      yield* a.tiered.close!
      yield* a.tiered.close!
      assert.isUndefined(yield* near(a.tiered, "k"))
      const sent = a.far.count("put")
      yield* advance(1000)
      assert.strictEqual(a.far.count("put"), sent)
      yield* ask(a.tiered, "k")
      assert.strictEqual(yield* near(a.tiered, "k"), "k")
      yield* put(b.tiered, "k", "new")
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* a.tiered.close!
      yield* b.tiered.close!
    })
  )
})

describe("a far tier that refuses for good to report changes", () => {
  const refusing = (near: Tiered.Near, reason: "Rejected" | "Unavailable" = "Rejected") => {
    const asked: Array<number> = []
    const message = "this server has no change streams"
    const made = pair(near, undefined, (far) => ({
      ...far,
      changes: (listener) =>
        Effect.suspend(() => {
          asked.push(1)
          if (asked.length > 2) return far.changes!(listener)
          return Effect.fail(new AdapterError({ adapter: far.name, operation: "changes", reason, message }))
        })
    }))
    return { ...made, asked }
  }
  const warnings = Effect.map(TestConsole.logLines, (lines) =>
    lines.map(String).filter((line) => line.includes("reports no changes"))
  )
  const asks = ({ far }: { readonly far: Recorded }) => far.verbs.filter((verb) => verb === "acquire").length

  it.effect("copies go by the ttl that was given, and it is told once", () =>
    Effect.gen(function* () {
      const { a, asked, b } = refusing({ ttl: "10 seconds" })
      yield* put(b.tiered, "k")
      for (let i = 0; i < 5; i++) {
        if ((yield* near(a.tiered, "k")) === undefined) yield* ask(a.tiered, "k")
        yield* flush
      }
      assert.isAtMost(asks(a), 2)
      assert.strictEqual(yield* near(a.tiered, "k"), "k")
      yield* put(b.tiered, "k", "newer")
      // Nobody told, but the copy's own time bounds it.
      assert.strictEqual(yield* near(a.tiered, "k"), "k")
      yield* advance(10_000)
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* ask(a.tiered, "k")
      assert.strictEqual(yield* near(a.tiered, "k"), "newer")
      assert.strictEqual((yield* warnings).filter((line) => line.includes("go by the ttl")).length, 2)
      // The first use of each process.
      assert.lengthOf(asked, 2)
      // The server may have become a member of a replica set meanwhile.
      yield* advance(60_000)
      yield* ask(a.tiered, "k")
      yield* flush
      assert.lengthOf(asked, 3)
      yield* ask(a.tiered, "k")
      yield* put(b.tiered, "k", "told")
      yield* flush
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* a.tiered.close!
      yield* b.tiered.close!
    })
  )

  it.effect("without a ttl none are kept, and it is told once, with the remedy", () =>
    Effect.gen(function* () {
      const { a } = refusing({})
      yield* put(a.tiered, "k")
      yield* flush
      yield* ask(a.tiered, "k")
      yield* flush
      yield* ask(a.tiered, "k")
      assert.isUndefined(yield* near(a.tiered, "k"))
      const told = yield* warnings
      assert.lengthOf(told, 1)
      assert.match(told[0]!, /no near copies are kept: give the near tier a ttl/)
      yield* a.tiered.close!
    })
  )

  it.effect("one that fails for now keeps no copies meanwhile, whatever the ttl", () =>
    Effect.gen(function* () {
      const { a } = refusing({ ttl: "10 seconds" }, "Unavailable")
      yield* put(a.tiered, "k")
      yield* ask(a.tiered, "k")
      yield* flush
      yield* ask(a.tiered, "k")
      assert.isUndefined(yield* near(a.tiered, "k"))
      assert.lengthOf(yield* warnings, 0)
      yield* a.tiered.close!
    })
  )
})

describe("own writes", () => {
  it.effect("are seen at once where nothing reports changes", () =>
    Effect.gen(function* () {
      const { a } = pair({ ttl: "1 hour" }, undefined, withoutPush)
      yield* put(a.tiered, "k", "one")
      assert.strictEqual(yield* near(a.tiered, "k"), "one")
      yield* put(a.tiered, "k", "two")
      assert.strictEqual(yield* near(a.tiered, "k"), "two")
      const token = yield* lead(a.tiered, "k", { force: true })
      yield* a.tiered.fill("k", { token, value: bytesOf("three"), lifetime: forever })
      assert.strictEqual(yield* near(a.tiered, "k"), "three")
      assert.isFalse(yield* a.tiered.fill("k", { token, value: bytesOf("late"), lifetime: forever }))
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* ask(a.tiered, "k")
      assert.strictEqual(yield* near(a.tiered, "k"), "three")
      yield* a.tiered.delete("k")
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("drop the copy before the write arrives, and keep nothing old while it runs", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe()
      const held = (far: Adapter): Adapter =>
        withoutPush({ ...far, delete: (key) => Effect.andThen(gate.await, far.delete(key)) })
      const { a } = pair({ ttl: "1 hour" }, undefined, held)
      yield* put(a.tiered, "k")
      const deleting = yield* begin(a.tiered.delete("k"))
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* ask(a.tiered, "k")
      gate.openUnsafe()
      yield* Fiber.join(deleting)
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("leave no copy when two overlap, since the order is unknown", () =>
    Effect.gen(function* () {
      const slow = (far: Adapter): Adapter =>
        withoutPush({ ...far, put: (key, options) => Effect.tap(far.put(key, options), () => Effect.sleep(10)) })
      const { a } = pair({ ttl: "1 hour" }, undefined, slow)
      const first = yield* begin(put(a.tiered, "k", "one"))
      yield* advance(5)
      const second = yield* begin(put(a.tiered, "k", "two"))
      yield* advance(10)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("drop the copy when their outcome is unknown", () =>
    Effect.gen(function* () {
      const fails = (far: Adapter) => withoutPush(faulty(far, { put: ["lose"], delete: ["fail"], fill: ["lose"] }))
      const { a, store } = pair({ ttl: "1 hour" }, undefined, fails)
      const writes = [
        () => put(a.tiered, "k", "lost"),
        () => a.tiered.delete("k"),
        () =>
          Effect.flatMap(lead(a.tiered, "k", { force: true }), (token) =>
            a.tiered.fill("k", { token, value: bytesOf("lost"), lifetime: forever })
          )
      ]
      for (const write of writes) {
        yield* put(store, "k", "old")
        yield* ask(a.tiered, "k")
        assert.isDefined(yield* near(a.tiered, "k"))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(write())))
        assert.isUndefined(yield* near(a.tiered, "k"))
      }
    })
  )

  it.effect("drop the copy when they are interrupted", () =>
    Effect.gen(function* () {
      const hangs = (far: Adapter) => withoutPush(faulty(far, { put: ["loseAndHang"] }))
      const { a, store } = pair({ ttl: "1 hour" }, undefined, hangs)
      yield* put(store, "k", "old")
      const writing = yield* begin(put(a.tiered, "k", "new"))
      yield* ask(a.tiered, "k")
      yield* Fiber.interrupt(writing)
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("touch prolongs the copy, and drops it if the far tier had no fresh value", () =>
    Effect.gen(function* () {
      const { a, store } = pair({ ttl: "1 hour" }, undefined, withoutPush)
      yield* put(store, "k", "v", { fresh: 100, stale: 0 })
      yield* ask(a.tiered, "k")
      yield* advance(50)
      assert.isTrue(yield* a.tiered.touch("k", { freshFor: 100 }))
      yield* advance(99)
      assert.strictEqual(yield* near(a.tiered, "k"), "v")
      yield* advance(1)
      assert.isUndefined(yield* near(a.tiered, "k"))
      yield* put(store, "k")
      yield* ask(a.tiered, "k")
      yield* store.delete("k")
      assert.isFalse(yield* a.tiered.touch("k", { freshFor: 100 }))
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )

  it.effect("fail when the other processes cannot be notified, and notify them when repeated", () =>
    Effect.gen(function* () {
      const inner = Bus.inProcess()
      let down = true
      const error = { adapter: "bus", operation: "put", reason: "Unavailable", message: "no route" } as const
      const bus: Bus.Bus = {
        ...inner,
        publish: (text) => (down ? Effect.fail(new AdapterError(error)) : inner.publish(text))
      }
      const { a, b, store } = pair({}, { bus }, withoutPush)
      yield* put(store, "k")
      yield* ask(a.tiered, "k")
      const failure = yield* Effect.flip(b.tiered.delete("k"))
      assert.deepInclude(failure, { operation: "delete", key: "k", reason: "Unavailable" })
      assert.isUndefined((yield* store.read("k")).value)
      assert.strictEqual(yield* near(a.tiered, "k"), "k")
      down = false
      assert.isFalse(yield* b.tiered.delete("k"))
      assert.isUndefined(yield* near(a.tiered, "k"))
    })
  )
})

describe("tags", () => {
  const tagged = Effect.fnUntraced(function* (store: Adapter, key: string, name = "t") {
    const tags = yield* Tags.current(store, [name])
    yield* store.put(key, { value: encodedValue(key, Codec.string, { tags }), lifetime: forever })
  })

  const nearTagged = (adapter: Adapter, key: string) =>
    Effect.clockWith((clock) => Effect.succeed(adapter.hitUnsafe!(key, clock) !== undefined))

  it.effect("a copy is returned once its tags are known, and no more when one is invalidated", () =>
    Effect.gen(function* () {
      const { a, b, store } = pair()
      yield* tagged(store, "k")
      yield* tagged(store, "other", "u")
      for (const key of ["k", "other"]) yield* ask(a.tiered, key)
      assert.isFalse(yield* nearTagged(a.tiered, "k"))
      for (const tag of ["t", "u"]) yield* a.tiered.read(Tags.tagKey(tag))
      assert.isTrue(yield* nearTagged(a.tiered, "k"))
      yield* Tags.invalidate(b.tiered, ["t"])
      assert.isFalse(yield* nearTagged(a.tiered, "k"))
      assert.isTrue(yield* nearTagged(a.tiered, "other"))
      yield* a.tiered.read(Tags.tagKey("t"))
      assert.isFalse(yield* nearTagged(a.tiered, "k"))
      // It is still in the far tier. A value invalidated before it was asked for is not returned either.
      yield* ask(a.tiered, "k")
      assert.isFalse(yield* nearTagged(a.tiered, "k"))
      yield* tagged(store, "k")
      yield* ask(a.tiered, "k")
      assert.isTrue(yield* nearTagged(a.tiered, "k"))
    })
  )

  it.effect("a tag's record is read once until it changes, and its age grows", () =>
    Effect.gen(function* () {
      const { a, b } = pair()
      yield* Tags.invalidate(b.tiered, ["t"])
      yield* advance(10)
      const first = yield* a.tiered.read(Tags.tagKey("t"))
      yield* advance(10)
      const again = yield* a.tiered.read(Tags.tagKey("t"))
      assert.deepStrictEqual([first.age, again.age], [10, 20])
      assert.deepStrictEqual([first.freshFor - again.freshFor, first.keptFor - again.keptFor], [10, 10])
      assert.deepStrictEqual(again.value, first.value)
      assert.strictEqual(a.far.count("read"), 1)
      yield* Tags.invalidate(b.tiered, ["t"])
      assert.notDeepEqual((yield* a.tiered.read(Tags.tagKey("t"))).value, first.value)
      assert.strictEqual(a.far.count("read"), 2)
    })
  )

  it.effect("a record that changed on its way is not kept", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe()
      const held = (far: Adapter): Adapter => ({ ...far, read: (key) => Effect.tap(far.read(key), () => gate.await) })
      const { a, store } = pair({}, undefined, held)
      yield* tagged(store, "k")
      yield* ask(a.tiered, "k")
      const reading = yield* begin(a.tiered.read(Tags.tagKey("t")))
      yield* Tags.invalidate(store, ["t"])
      gate.openUnsafe()
      yield* Fiber.join(reading)
      assert.isFalse(yield* nearTagged(a.tiered, "k"))
    })
  )

  it.effect(
    "a warm tagged value asks the far tier nothing; once another process invalidates it, it is loaded again",
    () =>
      Effect.gen(function* () {
        const { a, b } = pair()
        const [here, there] = [yield* Cache.make({ adapter: a.tiered }), yield* Cache.make({ adapter: b.tiered })]
        const origin = new Origin()
        const options = { tags: ["t"] }
        const get = Effect.map(here.getOrSet("k", origin.gives(), options), ({ value }) => value)
        assert.strictEqual(yield* get, "v1")
        for (let i = 0; i < 3; i++) assert.strictEqual(yield* get, "v1")
        const asked = a.far.verbs.length
        for (let i = 0; i < 10; i++) assert.strictEqual(yield* get, "v1")
        assert.strictEqual(a.far.verbs.length, asked)
        yield* advance(10)
        yield* there.invalidateTag("t")
        assert.strictEqual(yield* get, "v2")
      })
  )
})

describe("make", () => {
  it("is the same adapter for the same far tier and options", () => {
    const far = MemoryAdapter.make()
    const same = Tiered.make([{ ttl: 1000 }, far])
    assert.strictEqual(Tiered.make([{ ttl: "1 second", maxEntries: 10_000 }, far]), same)
    assert.notStrictEqual(Tiered.make([{ ttl: 2000 }, far]), same)
    assert.notStrictEqual(Tiered.make([{ ttl: 1000 }, peer(far)]), same)
    assert.strictEqual(same.name, "near+memory")
    assert.strictEqual(same.limits, far.limits)
  })

  it("refuses unsupported options, and names the supported ones", () => {
    const far = MemoryAdapter.make()
    const unreported = withoutPush(far)
    const option = (f: () => unknown) => refused(f).option
    assert.strictEqual(
      option(() => Tiered.make([{}, unreported])),
      "near.ttl"
    )
    assert.match(refused(() => Tiered.make([{}, unreported])).message, /give a bus, or a ttl that bounds the age/)
    assert.strictEqual(
      option(() => Tiered.make([{ ttl: Infinity }, unreported])),
      "near.ttl"
    )
    assert.strictEqual(
      option(() => Tiered.make([{ ttl: 10 }, unreported], { heartbeat: 100 })),
      "heartbeat"
    )
    assert.strictEqual(
      option(() => Tiered.make([{ ttl: 0 }, far])),
      "near.ttl"
    )
    assert.strictEqual(
      option(() => Tiered.make([{ ttl: -1 }, far])),
      "near.ttl"
    )
    assert.strictEqual(
      option(() => Tiered.make([{ maxEntries: 0 }, far])),
      "near.maxEntries"
    )
    assert.strictEqual(
      option(() => Tiered.make([{ maxBytes: 0.5 }, far])),
      "near.maxBytes"
    )
    assert.strictEqual(
      option(() => Tiered.make([{ maxEntires: 1 } as never, far])),
      "near.maxEntires"
    )
    assert.strictEqual(
      option(() => Tiered.make([{}, far], { heartbeat: 1 })),
      "heartbeat"
    )
    assert.strictEqual(
      option(() => Tiered.make([{}, far], { bus: {} as never })),
      "bus.publish"
    )
    assert.strictEqual(
      option(() => Tiered.make([{}, far], { buss: 1 } as never)),
      "buss"
    )
    assert.strictEqual(
      option(() => Tiered.make([far as never, far])),
      "near"
    )
    assert.strictEqual(
      option(() => Tiered.make([{}, {} as never])),
      "far"
    )
    assert.strictEqual(
      option(() => Tiered.make([{}] as never)),
      "tiers"
    )
  })
})

describe("the far tier's batches and limits", () => {
  it.effect("copies are made by acquireMany and dropped by deleteMany, in other processes too", () =>
    Effect.gen(function* () {
      const batches = (far: Adapter): Adapter => ({
        ...withoutPush(far),
        acquireMany: (keys, options) => Effect.forEach(keys, (key) => far.acquire(key, options)),
        deleteMany: (keys) => Effect.map(Effect.forEach(keys, far.delete), (gone) => gone.filter(Boolean).length)
      })
      const { a, b } = pair({}, { bus: Bus.inProcess() }, (far) => far)
      assert.isUndefined(a.tiered.acquireMany)
      assert.isUndefined(b.tiered.deleteMany)
      const bus = Bus.inProcess()
      const store = MemoryAdapter.make()
      const make = () => Tiered.make([{}, batches(remote(peer(store)))], { bus })
      const [here, there] = [make(), make()]
      for (const key of ["x", "y"]) yield* put(store, key)
      for (const tiered of [here, there]) yield* tiered.acquireMany!(["x", "y"], { owner: "o", leaseFor: 1000 })
      assert.strictEqual(yield* near(here, "x"), "x")
      assert.strictEqual(yield* near(there, "y"), "y")
      assert.strictEqual(yield* here.deleteMany!(["x", "y", "z"]), 2)
      for (const tiered of [here, there]) {
        for (const key of ["x", "y"]) assert.isUndefined(yield* near(tiered, key))
      }
    })
  )
})

describe("under random changes", () => {
  it.effect("1,000 keys: no value is returned that is older than the latency of the bus", () =>
    Effect.gen(function* () {
      const latency = 20
      const seed = Math.floor(Math.random() * 2 ** 31)
      let state = seed
      const next = (n: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
        return (state >>> 8) % n
      }
      // Every report takes so long, and the far tier's answers take some time of their own.
      const slowly = (far: Adapter): Adapter => ({
        ...far,
        acquire: (key, options) =>
          Effect.andThen(
            Effect.sleep(next(5)),
            Effect.tap(far.acquire(key, options), () => Effect.sleep(next(5)))
          ),
        changes: (listener) =>
          Effect.clockWith((clock) =>
            far.changes!({
              ...listener,
              changed: (key) =>
                void Effect.runFork(
                  Effect.provideService(
                    Effect.andThen(
                      clock.sleep(Duration.millis(latency)),
                      Effect.sync(() => listener.changed(key))
                    ),
                    Clock.Clock,
                    clock
                  )
                )
            })
          )
      })
      const { a, b } = pair({ ttl: "1 hour" }, undefined, slowly)
      /** By key: when each version was overwritten. */
      const overwritten = new Map<string, Array<number>>()
      const clock = yield* Effect.clockWith(Effect.succeed)
      let hits = 0
      for (let step = 0; step < 400; step++) {
        yield* Effect.forEach(
          Array.from({ length: 20 }, () => `k${next(1000) % (next(2) === 0 ? 20 : 1000)}`),
          (key) =>
            Effect.suspend(() => {
              const versions = overwritten.get(key) ?? []
              overwritten.set(key, versions)
              if (next(4) !== 0) return Effect.asVoid(Effect.forkDetach(ask(next(2) === 0 ? a.tiered : b.tiered, key)))
              versions.push(clock.currentTimeMillisUnsafe())
              return put(next(2) === 0 ? a.tiered : b.tiered, key, String(versions.length))
            })
        )
        yield* advance(next(4))
        for (const [key, versions] of overwritten) {
          for (const { tiered } of [a, b]) {
            const value = textOf(tiered.hitUnsafe!(key, clock)?.value)
            if (value === undefined) continue
            hits++
            const over = versions[Number(value)]
            const behind = over === undefined ? 0 : clock.currentTimeMillisUnsafe() - over
            assert.isAtMost(behind, latency, `seed ${seed}, ${key}`)
          }
        }
      }
      assert.isAbove(hits, 1000)
      yield* flush
    })
  )
})

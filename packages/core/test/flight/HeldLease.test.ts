import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Cache from "../../src/Cache.ts"
import * as Codec from "../../src/codec/Codec.ts"
import * as Envelope from "../../src/codec/Envelope.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { createCache } from "../../src/promise.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import * as Tiered from "../../src/stores/tiered/Tiered.ts"
import { down, faulty } from "../support/Faulty.ts"
import { Origin } from "../support/Origin.ts"
import {
  advance,
  begin,
  beginMany,
  bytesOf,
  flush,
  joinAll,
  recordErrors,
  scenario,
  type World,
  waits
} from "../support/Scenario.ts"
import { asksMany, remote, slow, withoutWatch } from "../support/Wrappers.ts"

const declines = { shouldCache: () => false }

/** Makes this many processes, each with a cache. */
const processes = (
  world: World,
  count: number,
  options: Omit<Cache.Options<string>, "adapter"> = declines,
  wrap: (adapter: Adapter) => Adapter = remote
) => Effect.all(Array.from({ length: count }, () => world.cache<string>(options, wrap)))

/** A load of 200 ms whose result is not cached has just ended in a process of its own. */
const marked = Effect.fnUntraced(function* (world: World, options: Omit<Cache.Options<string>, "adapter"> = declines) {
  const { cache } = (yield* processes(world, 1, options))[0]!
  const first = yield* begin(cache.getOrSet("k", () => Effect.delay(Effect.succeed("first"), 200)))
  yield* advance(200)
  yield* Fiber.join(first)
  return cache
})

const kinds = [
  ["bytes", remote],
  ["references", (adapter: Adapter) => adapter]
] as const

describe("a result that is not cached", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`lets all callers that waited for it in other processes load at once, over a store of ${kind}`, (world) =>
      Effect.gen(function* () {
        const all = yield* processes(world, 16, declines, wrap)
        const origin = new Origin()
        const callers = yield* beginMany(48, (n) => all[n % 16]!.cache.getOrSet("k", origin.gives(200)))
        yield* advance(200)
        // The callers of the process that loaded share its result.
        assert.strictEqual(callers.filter((caller) => !waits(caller)).length, 3)
        assert.strictEqual(origin.running, 15)
        yield* advance(200)
        const answers = yield* joinAll(callers)
        assert.strictEqual(origin.calls, 16)
        assert.deepInclude(answers[0]!.meta, { cache: "MISS-LEADER-NOCACHE", uncached: "declined" })
        // One of those that waited has the lease.
        const led = answers.slice(0, 16).filter(({ meta }) => meta.uncached === "declined")
        assert.strictEqual(led.length, 2)
        const beside = answers.slice(0, 16).filter(({ meta }) => meta.uncached === "bypassed")
        assert.isTrue(beside.every(({ meta }) => meta.cache === "MISS-LEADER-NOCACHE"))
        assert.strictEqual(beside.length, 14)
        assert.isTrue(answers.slice(16).every(({ meta }) => meta.cache === "MISS-FOLLOWER-HIT"))
      })
    )
  }

  scenario("costs the callers that waited two loads and a round trip, where the store pushes", (world) =>
    Effect.gen(function* () {
      const all = yield* processes(world, 16, declines, (adapter) => slow(remote(adapter), 10))
      const callers = yield* beginMany(16, (n) => all[n]!.cache.getOrSet("k", new Origin().gives(200)))
      // The acquire, a load, its fill and the asking again, another load, and its fill.
      yield* advance(10 + 200 + 5)
      yield* advance(10)
      yield* advance(200)
      yield* advance(10)
      assert.isTrue(callers.every((caller) => !waits(caller)))
      yield* joinAll(callers)
    })
  )

  scenario("where the store cannot push, the callers that waited load at their next poll", (world) =>
    Effect.gen(function* () {
      const all = yield* processes(world, 4, { ...declines, waitStep: 20, waitStrategy: () => 20 }, (adapter) =>
        withoutWatch(remote(adapter))
      )
      const origin = new Origin()
      const callers = yield* beginMany(4, (n) => all[n]!.cache.getOrSet("k", origin.gives(200)))
      for (let millis = 0; millis < 420; millis += 20) yield* advance(20)
      assert.isTrue(callers.every((caller) => !waits(caller)))
      assert.strictEqual(origin.calls, 4)
      yield* joinAll(callers)
    })
  )

  scenario(
    "lets nobody wait who comes later, with one request before a load beside others and two with the lease",
    (world) =>
      Effect.gen(function* () {
        yield* marked(world)
        const all = yield* processes(world, 4)
        const origin = new Origin()
        for (let round = 1; round <= 5; round++) {
          const callers = yield* beginMany(4, (n) => all[n]!.cache.getOrSet("k", origin.gives(200)))
          yield* advance(200)
          assert.isTrue(callers.every((caller) => !waits(caller)))
          yield* joinAll(callers)
          assert.strictEqual(origin.calls, 4 * round)
        }
        for (const [n, { cache, process }] of all.entries()) {
          const requests = n === 0 ? ["acquire", "fill"] : ["acquire"]
          assert.deepStrictEqual(process.verbs, Array.from({ length: 5 }, () => requests).flat())
          assert.deepInclude(cache.stats(), { misses: 5, hits: 0, loads: 5, waits: 0, fallbacks: 0, undecodable: 0 })
        }
      })
  )

  scenario("answers every caller a round trip after its own load, also the one that fills the mark", (world) =>
    Effect.gen(function* () {
      yield* marked(world)
      const all = yield* processes(world, 16, declines, (adapter) => slow(remote(adapter), 10))
      for (let round = 0; round < 5; round++) {
        const callers = yield* beginMany(16, (n) => all[n]!.cache.getOrSet("k", new Origin().gives(200)))
        yield* advance(10)
        yield* advance(200)
        assert.isTrue(callers.every((caller) => !waits(caller)))
        const led = (yield* joinAll(callers)).filter(({ meta }) => meta.uncached === "declined")
        assert.strictEqual(led.length, 1)
      }
      yield* advance(10)
      assert.isUndefined((yield* world.store.read("k")).lease)
    })
  )

  scenario("ends with the first one that can be cached, which only the holder of the lease fills", (world) =>
    Effect.gen(function* () {
      const some = { shouldCache: (value: string) => value !== "none", cacheTtl: 60_000 }
      const [holder, beside, later] = yield* processes(world, 3, some)
      yield* marked(world, { shouldCache: () => false })
      const held = yield* begin(holder!.cache.getOrSet("k", () => Effect.delay(Effect.succeed("held"), 200)))
      const other = yield* begin(beside!.cache.getOrSet("k", () => Effect.delay(Effect.succeed("beside"), 100)))
      yield* advance(100)
      assert.deepStrictEqual(yield* Fiber.join(other), {
        value: "beside",
        meta: { cache: "MISS-LEADER-NOCACHE", uncached: "bypassed" }
      })
      assert.isFalse(yield* later!.cache.has("k"))
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(held)).meta.cache, "MISS-LEADER")
      const hit = yield* later!.cache.getOrSet("k", () => Effect.die("not called"))
      assert.deepInclude(hit, { value: "held" })
      assert.strictEqual(hit.meta.cache, "HIT")
      // The mark is gone for good: when the value has expired, one loads and the others wait.
      yield* advance(60_001)
      const origin = new Origin()
      const callers = yield* beginMany(3, (n) => [holder, beside, later][n]!.cache.getOrSet("k", origin.gives(50)))
      yield* advance(50)
      yield* joinAll(callers)
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("leaves its mark for `bypassFor` and as long again as its load took", (world) =>
    Effect.gen(function* () {
      const cache = yield* marked(world, { ...declines, bypassFor: 1_000 })
      assert.deepInclude(yield* cache.explain("k"), { state: "absent", keptFor: 0, age: undefined, bypassFor: 1_200 })
      const all = yield* processes(world, 2)
      yield* advance(1_150)
      const before = yield* beginMany(2, (n) => all[n]!.cache.getOrSet("k", new Origin().gives(10)))
      yield* advance(10)
      assert.isTrue(before.every((caller) => !waits(caller)))
      yield* joinAll(before)
      yield* advance(60_000)
      assert.isUndefined((yield* world.store.read("k")).value)
      assert.isUndefined((yield* cache.explain("k")).bypassFor)
      const after = yield* beginMany(2, (n) => all[n]!.cache.getOrSet("k", new Origin().gives(10)))
      yield* advance(10)
      assert.isTrue(waits(after[1]!))
      yield* advance(10)
      yield* joinAll(after)
    })
  )

  scenario("leaves none with `bypassFor: 0`, which heeds none either", (world) =>
    Effect.gen(function* () {
      const cache = yield* marked(world, { ...declines, bypassFor: 0 })
      assert.isUndefined((yield* world.store.read("k")).value)
      yield* marked(world)
      const other = yield* world.cache<string>({}, remote)
      const leader = yield* begin(other.cache.getOrSet("k", () => Effect.delay(Effect.succeed("v"), 100)))
      const follower = yield* begin(cache.getOrSet("k", () => Effect.die("not called")))
      yield* advance(100)
      assert.deepInclude(yield* Fiber.join(follower), { value: "v" })
      yield* Fiber.join(leader)
    })
  )

  scenario("is nobody's value: not for get, has, getMany, explain, hooks, stale windows or a near tier", (world) =>
    Effect.gen(function* () {
      yield* marked(world)
      const windows = { staleWhileRevalidate: 60_000, staleIfError: 60_000 }
      for (const wrap of [remote, (adapter: Adapter) => Tiered.make([{ ttl: 60_000 }, adapter]), (a: Adapter) => a]) {
        const { cache } = yield* world.cache<string>(windows, wrap)
        assert.deepStrictEqual((yield* cache.get("k"))._tag, "None")
        assert.isFalse(yield* cache.has("k"))
        assert.strictEqual((yield* cache.getMany(["k"])).size, 0)
        assert.deepInclude(yield* cache.explain("k"), { state: "absent", freshFor: 0, keptFor: 0 })
        const seen: Array<unknown> = []
        const failed = yield* Effect.flip(
          cache.getOrSet(
            "k",
            ({ stale }) => {
              seen.push(stale)
              return Effect.fail("down")
            },
            { cooldown: 0 }
          )
        )
        assert.deepStrictEqual([failed, seen], ["down", [undefined]])
        assert.deepInclude(cache.stats(), { undecodable: 0, staleServed: 0, hits: 0 })
      }
    })
  )

  scenario("is removed by delete and replaced by set; an invalidated tag changes nothing of it", (world) =>
    Effect.gen(function* () {
      const cache = yield* marked(world)
      yield* cache.invalidateTag("t")
      assert.isAbove((yield* cache.explain("k")).bypassFor ?? 0, 0)
      yield* cache.delete("k")
      assert.isUndefined((yield* cache.explain("k")).bypassFor)
      yield* marked(world)
      yield* cache.set("k", "given")
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.die("not called"))).value, "given")
    })
  )

  for (const by of ["delete", "set"] as const) {
    scenario(`gives no result from before a ${by} to a caller that came after it`, (world) =>
      Effect.gen(function* () {
        const [here, there] = yield* processes(world, 2, declines)
        const first = yield* begin(here!.cache.getOrSet("k", () => Effect.delay(Effect.succeed("old"), 200)))
        yield* advance(50)
        yield* by === "delete" ? there!.cache.delete("k") : there!.cache.set("k", "new")
        yield* advance(50)
        const second = yield* begin(here!.cache.getOrSet("k", () => Effect.succeed("new")))
        yield* advance(100)
        assert.deepInclude(yield* Fiber.join(first), { value: "old" })
        assert.strictEqual((yield* Fiber.join(first)).meta.uncached, "declined")
        assert.strictEqual((yield* Fiber.join(second)).value, "new")
      })
    )
  }

  scenario("ends a lease that a set took away without a word to the value that was set", (world) =>
    Effect.gen(function* () {
      const { cache } = (yield* processes(world, 1))[0]!
      const late = yield* begin(cache.getOrSet("k", () => Effect.delay(Effect.succeed("late"), 100)))
      yield* world.store.put("k", { value: bytesOf("newer"), lifetime: { fresh: 1000, stale: 0 } })
      yield* advance(100)
      yield* Fiber.join(late)
      assert.deepStrictEqual((yield* world.store.read("k")).value?.bytes, bytesOf("newer").bytes)
    })
  )

  scenario("does not spare a failing origin: the key cools down, with and without a mark", (world) =>
    Effect.gen(function* () {
      yield* marked(world)
      const all = yield* processes(world, 2)
      const origin = new Origin()
      const failed = yield* begin(Effect.flip(all[0]!.cache.getOrSet("k", origin.breaks(10))))
      yield* advance(10)
      yield* Fiber.join(failed)
      const next = yield* begin(all[1]!.cache.getOrSet("k", origin.gives()))
      assert.isTrue(waits(next))
      yield* advance(101)
      assert.strictEqual((yield* Fiber.join(next)).value, "v2")
    })
  )

  scenario("of a load beside others is not shared with callers that come a third of a lease later", (world) =>
    Effect.gen(function* () {
      yield* marked(world)
      const [holder, beside] = yield* processes(world, 2, { ...declines, leaseTtl: 3_000, bypassFor: 60_000 })
      const origin = new Origin()
      const callers = [
        yield* begin(holder!.cache.getOrSet("k", origin.gives(10_000))),
        yield* begin(beside!.cache.getOrSet("k", origin.gives(5_000)))
      ]
      yield* advance(1_000)
      callers.push(yield* begin(beside!.cache.getOrSet("k", origin.gives(5_000))))
      assert.strictEqual(origin.calls, 2)
      yield* advance(1)
      callers.push(yield* begin(beside!.cache.getOrSet("k", origin.gives(5_000))))
      assert.strictEqual(origin.calls, 3)
      yield* advance(10_000)
      const answers = yield* joinAll(callers)
      assert.deepStrictEqual(
        answers.map(({ value }) => value),
        ["v1", "v2", "v2", "v3"]
      )
    })
  )

  scenario("runs the hooks of a leader, and none of a follower, for a load beside others", (world) =>
    Effect.gen(function* () {
      yield* marked(world)
      const [holder] = yield* processes(world, 1)
      const leading = yield* begin(holder!.cache.getOrSet("k", new Origin().gives(100)))
      const told: Array<unknown> = []
      const note =
        (name: string) =>
        (_value: unknown, { cached, uncached }: any) =>
          Effect.sync(() => told.push([name, cached, uncached]))
      const { cache } = yield* world.cache<string>({}, remote)
      const hooks = {
        onLeader: note("onLeader"),
        onFallback: note("onFallback"),
        onHit: note("onHit"),
        onFollowerWait: () => Effect.sync(() => told.push("onFollowerWait"))
      }
      yield* cache.getOrSet("k", () => Effect.succeed("v"), { hooks })
      assert.deepStrictEqual(told, [["onLeader", false, "bypassed"]])
      yield* advance(100)
      yield* Fiber.join(leading)
    })
  )
})

describe("a mark is left by", () => {
  const oneWay: Codec.SyncCodec<any> = {
    ...Codec.string,
    encode: () => {
      throw new Error("no")
    }
  }
  const cases: ReadonlyArray<
    readonly [string, Omit<Cache.Options<any>, "adapter">, ((adapter: Adapter) => Adapter) | undefined]
  > = [
    ["shouldCache", declines, undefined],
    ["a cacheTtl of 0", { cacheTtl: 0 }, undefined],
    [
      "a function that throws",
      {
        shouldCache: () => {
          throw new Error("undecided")
        }
      },
      undefined
    ],
    ["a value that cannot be encoded", { codec: oneWay }, undefined],
    ["a value that the store refuses", {}, (adapter) => faulty(adapter, { fill: ["reject"] })]
  ]
  for (const [what, options, wrap = (adapter: Adapter) => adapter] of cases) {
    scenario(what, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<any>(options, (adapter) => wrap(remote(adapter)))
        yield* cache.getOrSet("k", () => Effect.succeed("v"))
        const { lease, value } = yield* world.store.read("k")
        assert.isUndefined(lease)
        assert.isTrue(value !== undefined && Envelope.isMark(value.bytes))
      })
    )
  }

  scenario("a batch without a value for the key", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<string>({}, remote)
      assert.strictEqual((yield* cache.getOrSetMany(["k"], () => Effect.succeed([]))).size, 0)
      assert.isTrue(Envelope.isMark((yield* world.store.read("k")).value!.bytes))
    })
  )

  scenario("no load whose fill failed for the time being, was left, failed, or was voided", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<string>({}, (adapter) => faulty(remote(adapter), { fill: ["fail"] }))
      yield* cache.getOrSet("k", () => Effect.succeed("v"))
      yield* advance(1_000)
      const left = yield* begin(cache.getOrSet("left", () => Effect.never))
      yield* Fiber.interrupt(left)
      yield* flush
      yield* Effect.flip(cache.getOrSet("failed", () => Effect.fail("down")))
      const voided = yield* begin(cache.getOrSet("voided", () => Effect.delay(Effect.succeed("v"), 10)))
      yield* cache.delete("voided")
      yield* advance(10)
      yield* Fiber.join(voided)
      for (const key of ["k", "left", "failed", "voided"]) {
        const { value } = yield* world.store.read(key)
        assert.isFalse(value !== undefined && Envelope.isMark(value.bytes), key)
      }
    })
  )

  scenario("no load whose mark the store refuses; an older value still ends, and the key is free", (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache } = yield* world.cache<string>(
        { shouldCache: (value) => value !== "none", cacheTtl: 1_000, staleIfError: 60_000, hooks },
        (adapter) => ({
          ...remote(adapter),
          fill: (key, options) =>
            options.value === undefined ? adapter.fill(key, options) : Effect.fail(down("fill", "Rejected"))
        })
      )
      yield* cache.set("k", "old")
      yield* advance(2_000)
      const { meta } = yield* cache.getOrSet("k", () => Effect.succeed("none"))
      assert.deepInclude(meta, { cache: "MISS-LEADER-NOCACHE", uncached: "declined" })
      const { lease, value } = yield* world.store.read("k")
      assert.deepStrictEqual([lease, value], [undefined, undefined])
      yield* flush
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        ["CACHE_SET_FAILED"]
      )
    })
  )
})

describe("a batch under a mark", () => {
  scenario("loads all its keys in one call, although others load them elsewhere", (world) =>
    Effect.gen(function* () {
      const all = yield* processes(world, 4, declines, asksMany)
      const fetched: Array<ReadonlyArray<string>> = []
      const fetchMany = (keys: ReadonlyArray<string>) => {
        fetched.push(keys)
        return Effect.delay(Effect.succeed(keys.map((key) => [key, `${key}!`] as const)), 200)
      }
      const keys = ["a", "b", "c"]
      const callers = yield* beginMany(4, (n) => all[n]!.cache.getOrSetMany(keys, fetchMany))
      yield* advance(200)
      yield* advance(200)
      for (const values of yield* joinAll(callers)) assert.deepStrictEqual([...values.keys()], keys)
      fetched.length = 0
      const later = yield* beginMany(4, (n) => all[n]!.cache.getOrSetMany(keys, fetchMany))
      yield* advance(200)
      assert.isTrue(later.every((caller) => !waits(caller)))
      yield* joinAll(later)
      assert.deepStrictEqual(fetched, [keys, keys, keys, keys])
    })
  )
})

describe("promises", () => {
  it("load at once under a mark, and their `meta` says so", async () => {
    const store = MemoryAdapter.make()
    const make = () => createCache<string>({ adapter: { ...remote(store), identity: {} }, ...declines })
    const [a, b] = [make(), make()]
    const gate = Promise.withResolvers<string>()
    await a.getOrSet("k", () => "first")
    const leader = a.getOrSetWithMeta("k", () => gate.promise)
    const beside = await b.getOrSetWithMeta("k", () => "beside")
    assert.deepStrictEqual(beside, { value: "beside", meta: { cache: "MISS-LEADER-NOCACHE", uncached: "bypassed" } })
    assert.isAbove((await b.explain("k")).bypassFor ?? 0, 9_000)
    gate.resolve("led")
    assert.deepInclude(await leader, { value: "led" })
    await Promise.all([a.close(), b.close()])
  })
})

it("is unreadable for releases that do not know it", () => {
  assert.isUndefined(Envelope.decode(Envelope.mark, "structured"))
  assert.deepStrictEqual(Envelope.tagsOf(Envelope.mark), [])
  assert.isFalse(Envelope.isMark(Envelope.encode(new Uint8Array(), "structured", { cost: 0, tags: [] })))
  // No flag of the first layout: those are readers of 1 and 2.
  assert.isAbove(Envelope.mark[1]!, 3)
})

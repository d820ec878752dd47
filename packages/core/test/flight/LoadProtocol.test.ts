import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestConsole from "effect/testing/TestConsole"
import * as Cache from "../../src/Cache.ts"
import * as Codec from "../../src/codec/Codec.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { CacheGetFailed, type CacheLockingError, LoadCooling } from "../../src/contract/CacheLockingError.ts"
import type * as Policy from "../../src/options/Policy.ts"
import { down, faulty } from "../support/Faulty.ts"
import { Broken, Origin } from "../support/Origin.ts"
import {
  advance,
  begin,
  beginMany,
  bytesOf,
  ended,
  flightsOf,
  flush,
  joinAll,
  recordErrors,
  scenario,
  type World,
  waits
} from "../support/Scenario.ts"
import { remote, slow, withoutWatch } from "../support/Wrappers.ts"

describe("across processes", () => {
  scenario("4 processes x 250 callers: one load, and each process asks a handful of times", (world) =>
    Effect.gen(function* () {
      const processes = yield* Effect.all([1, 2, 3, 4].map(() => world.cache({}, remote)))
      const origin = new Origin()
      const callers = yield* beginMany(1000, (n) => processes[n % 4]!.cache.getOrSet("k", origin.gives(200)))
      yield* advance(200)
      const answers = yield* joinAll(callers)
      assert.strictEqual(origin.calls, 1)
      assert.isTrue(answers.every(({ value }) => value === "v1"))
      const [leader, ...followers] = processes.map(({ process }) => process.verbs)
      assert.deepStrictEqual(leader, ["acquire", "fill"])
      for (const verbs of followers) assert.deepStrictEqual(verbs, ["acquire", "watch", "acquire", "acquire"])
      assert.deepInclude(answers[0]!.meta, { cache: "MISS-LEADER" })
      assert.deepStrictEqual(answers[1]!.meta, { cache: "MISS-FOLLOWER-HIT", age: 0, freshFor: Infinity, waited: 200 })
      assert.deepStrictEqual(
        processes
          .map(({ cache }) => cache.stats())
          .map(({ loads, misses, waits, stampedePrevented }) => [loads, waits, stampedePrevented, misses]),
        [
          [1, 0, 249, 250],
          [0, 1, 250, 250],
          [0, 1, 250, 250],
          [0, 1, 250, 250]
        ]
      )
    })
  )

  scenario("a fill between the first asking and the subscription is not missed", (world) =>
    Effect.gen(function* () {
      const origin = new Origin()
      const a = yield* world.cache({}, remote)
      const leader = yield* begin(a.cache.getOrSet("k", origin.gives(50)))
      const b = yield* world.cache({}, (adapter) => faulty(remote(adapter), { watch: [Effect.sleep(100)] }))
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives(50)))
      yield* advance(50)
      yield* Fiber.join(leader)
      yield* advance(50)
      assert.deepInclude(ended(follower), { _tag: "Success" })
      assert.deepStrictEqual(b.process.verbs, ["acquire", "watch", "acquire"])
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("a follower is woken by put and by delete, too", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      const origin = new Origin()
      yield* world.crash("a", 10_000)
      yield* world.crash("b", 10_000)
      const a = yield* begin(cache.getOrSet("a", origin.gives()))
      const b = yield* begin(cache.getOrSet("b", origin.gives()))
      yield* advance(100)
      const other = yield* world.cache({}, remote)
      yield* other.cache.set("a", "put")
      yield* other.cache.delete("b")
      yield* flush
      assert.deepStrictEqual([ended(a), ended(b)].map(Exit.map(({ value, meta }) => `${value} ${meta.cache}`)), [
        Exit.succeed("put MISS-FOLLOWER-HIT"),
        Exit.succeed("v1 MISS-LEADER")
      ])
    })
  )
})

describe("a leader that dies", () => {
  for (const [kind, wrap] of [
    ["pushing", remote],
    ["polled", (adapter: any) => withoutWatch(remote(adapter))]
  ] as const) {
    scenario(`is taken over exactly once, when its lease ends and not a step later (${kind})`, (world) =>
      Effect.gen(function* () {
        yield* world.crash("k", 5000)
        const origin = new Origin()
        const processes = yield* Effect.all(
          [1, 2, 3].map(() => world.cache({ waitMax: "1 minute", waitStep: 700 }, wrap))
        )
        const callers = yield* beginMany(300, (n) => processes[n % 3]!.cache.getOrSet("k", origin.gives(100)))
        yield* advance(4999)
        assert.strictEqual(origin.calls, 0)
        // A millisecond beyond the end: the lease is then surely over.
        yield* advance(3)
        assert.strictEqual(origin.calls, 1)
        yield* advance(100)
        // Flights that poll find the value at their next step.
        yield* advance(1000)
        yield* joinAll(callers)
        assert.strictEqual(origin.calls, 1)
        assert.deepStrictEqual(processes.map(({ cache }) => cache.stats().takeovers).sort(), [0, 0, 1])
      })
    )
  }

  scenario(
    "while loading under renewals is taken over one lease after its last renewal",
    (world) =>
      Effect.gen(function* () {
        const origin = new Origin()
        // The process dies at 250: none of its verbs gets through any more.
        let dead = false
        const dying = yield* world.cache({ leaseTtl: 300 }, (adapter) => {
          const gone = () => (dead ? ("hang" as const) : undefined)
          return faulty(remote(adapter), { acquire: gone, fill: gone, abandon: gone, renew: gone })
        })
        const doomed = yield* begin(dying.cache.getOrSet("k", origin.gives(400)))
        const { cache } = yield* world.cache({ leaseTtl: 300 }, remote)
        const follower = yield* begin(cache.getOrSet("k", origin.gives(10)))
        yield* advance(250)
        dead = true
        yield* advance(249)
        assert.strictEqual(origin.calls, 1)
        yield* advance(2)
        assert.strictEqual(origin.calls, 2)
        yield* advance(10)
        assert.deepInclude(yield* Fiber.join(follower), { value: "v2" })
        yield* Effect.forkChild(Fiber.interrupt(doomed))
      }),
    { untidy: true }
  )

  scenario("a successor that dies as well is taken over in its turn", (world) =>
    Effect.gen(function* () {
      const token = yield* world.crash("k", 1000, "first")
      const { cache } = yield* world.cache({ waitMax: "1 minute" }, remote)
      const origin = new Origin()
      const follower = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(500)
      assert.isTrue(yield* world.store.abandon("k", { token }))
      // Another process is quicker than the follower that was woken.
      yield* Effect.exit(world.store.acquire("k", { owner: "second", leaseFor: 2000 }))
      yield* advance(1999)
      assert.isTrue(waits(follower) || origin.calls === 1)
      yield* advance(10)
      yield* Fiber.join(follower)
      assert.strictEqual(origin.calls, 1)
    })
  )
})

describe("acquire fails", () => {
  scenario("once: the same owner asks again, and no caller notices", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { acquire: ["fail"] }))
      const { meta } = yield* cache.getOrSet("k", () => Effect.succeed("v"))
      assert.strictEqual(meta.cache, "MISS-LEADER")
      const [first, second] = process.given("acquire")
      assert.strictEqual(first.owner, second.owner)
      assert.deepStrictEqual(process.verbs, ["acquire", "acquire", "fill"])
    })
  )

  scenario("by a lost reply: the same owner leads, and the key does not stall", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { acquire: ["lose"] }))
      const { meta } = yield* cache.getOrSet("k", () => Effect.succeed("v"))
      assert.strictEqual(meta.cache, "MISS-LEADER")
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("w"))).meta.cache, "HIT")
    })
  )

  scenario("by a lost reply after everybody left: the lease is given back", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) => slow(faulty(remote(adapter), { acquire: ["lose"] }), 20))
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(5)
      yield* Fiber.interrupt(caller)
      yield* advance(100)
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.strictEqual(origin.calls, 0)
    })
  )

  scenario("acquire that throws instead of failing is a defect, and blocks nothing", (world) =>
    Effect.gen(function* () {
      let bad = true
      const far = remote(world.store)
      const adapter: Adapter = {
        ...far,
        acquire: (key, options) => {
          if (bad) throw new Error("a bug in the adapter")
          return far.acquire(key, options)
        }
      }
      const cache = yield* Cache.make<string>({ adapter })
      for (const options of [undefined, { hooks: {} }]) {
        const exit = yield* Effect.exit(cache.getOrSet("k", () => Effect.succeed("v"), options))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.strictEqual(flightsOf(adapter), 0)
      }
      bad = false
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("v"))).value, "v")
    })
  )

  scenario("for good: every caller gets the one typed error, which knows key, phase, adapter and cause", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) =>
        faulty(faulty(remote(adapter), { acquire: () => "fail" }), { acquire: () => Effect.sleep(10) })
      )
      const origin = new Origin()
      const callers = yield* beginMany(10, () => Effect.flip(cache.getOrSet("k", origin.gives())))
      yield* advance(20)
      const errors = yield* joinAll(callers)
      for (const error of errors) {
        assert.instanceOf(error, CacheGetFailed)
        assert.deepStrictEqual((error as CacheGetFailed).context, { key: "k", phase: "acquire", adapter: "memory" })
        assert.deepStrictEqual((error as CacheGetFailed).cause, down("acquire"))
      }
      assert.strictEqual(origin.calls, 0)
      assert.strictEqual(process.count("acquire"), 2)
    })
  )

  scenario("rejected: it is not asked again", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { acquire: ["reject"] }))
      assert.strictEqual((yield* Effect.flip(cache.getOrSet("k", () => Effect.succeed("v"))))._tag, "CACHE_GET_FAILED")
      assert.deepStrictEqual(process.verbs, ["acquire"])
    })
  )

  scenario('onAdapterError "fetch": one load per process, uncached, and onError gets the failure', (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache, process } = yield* world.cache({ onAdapterError: "fetch", hooks }, (adapter) =>
        faulty(remote(adapter), { acquire: () => "fail" })
      )
      const origin = new Origin()
      const callers = yield* beginMany(100, () => cache.getOrSet("k", origin.gives(100)))
      assert.deepStrictEqual(process.verbs, ["acquire", "acquire"])
      yield* advance(100)
      const answers = yield* joinAll(callers)
      assert.strictEqual(origin.calls, 1)
      assert.deepStrictEqual(answers[0], { value: "v1", meta: { cache: "MISS-UNAVAILABLE", uncached: "unavailable" } })
      assert.deepStrictEqual(answers[99], {
        value: "v1",
        meta: { cache: "MISS-FOLLOWER-HIT", uncached: "unavailable", waited: 100 }
      })
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        ["CACHE_GET_FAILED"]
      )
      assert.strictEqual(cache.stats().loads, 1)
    })
  )

  scenario("a stale value is as old as the store said, however long its tags are read", (world) =>
    Effect.gen(function* () {
      let reading: Effect.Effect<void> = Effect.void
      const options = { tags: ["t"], cacheTtl: 100, staleWhileRevalidate: 60_000 }
      const { cache } = yield* world.cache(options, (adapter) =>
        faulty(remote(adapter), { read: () => Effect.suspend(() => reading) })
      )
      yield* cache.getOrSet("k", () => Effect.succeed("old"))
      yield* advance(200)
      reading = Effect.sleep(300)
      const caller = yield* begin(cache.getOrSet("k", () => Effect.succeed("new")))
      yield* advance(300)
      const { meta } = yield* Fiber.join(caller)
      assert.deepInclude(meta, { cache: "STALE", age: 500, staleFor: 400 })
      yield* advance(1_000)
    })
  )

  for (const tags of [["t"], () => ["t"]]) {
    const kind = typeof tags === "function" ? "told" : "given"
    const unreadable = (adapter: Adapter) => faulty(remote(adapter), { read: () => "reject" })

    scenario(`onAdapterError "fetch", and the tags of a cold key cannot be read (${kind})`, (world) =>
      Effect.gen(function* () {
        const { errors, hooks } = recordErrors()
        const { cache } = yield* world.cache({ onAdapterError: "fetch", hooks, tags }, unreadable)
        const answer = yield* cache.getOrSet("k", () => Effect.succeed("v"))
        assert.deepStrictEqual(answer, { value: "v", meta: { cache: "MISS-UNAVAILABLE", uncached: "unavailable" } })
        yield* flush
        assert.deepStrictEqual(
          errors.map(({ _tag }) => _tag),
          ["CACHE_GET_FAILED"]
        )
        assert.isUndefined((yield* world.store.read("k")).lease)
        assert.strictEqual(cache.stats().loads, 1)
      })
    )

    scenario(`onAdapterError "fetch", and the tags of a fresh value cannot be read (${kind})`, (world) =>
      Effect.gen(function* () {
        const healthy = yield* world.cache({ tags }, remote)
        yield* healthy.cache.getOrSet("k", () => Effect.succeed("old"))
        const { cache } = yield* world.cache({ onAdapterError: "fetch", tags }, unreadable)
        const { meta, value } = yield* cache.getOrSet("k", () => Effect.succeed("v"))
        assert.deepStrictEqual([value, meta.uncached], ["v", "unavailable"])
      })
    )

    scenario(
      `onAdapterError "fetch", and the tags behind a stale value cannot be read: nothing is loaded (${kind})`,
      (world) =>
        Effect.gen(function* () {
          const options = { tags, cacheTtl: 100, staleWhileRevalidate: 60_000, onAdapterError: "fetch" } as const
          const { errors, hooks } = recordErrors()
          let readable = Number.POSITIVE_INFINITY
          const { cache } = yield* world.cache({ ...options, hooks }, (adapter) =>
            faulty(remote(adapter), { read: () => (readable-- > 0 ? undefined : "reject") })
          )
          yield* cache.getOrSet("k", () => Effect.succeed("old"))
          yield* advance(200)
          // The tags of the stale value can be read, and those of the load behind it cannot.
          readable = 1
          assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("new"))).meta.cache, "STALE")
          yield* flush
          assert.strictEqual(cache.stats().loads, 1)
          assert.deepStrictEqual(
            errors.map(({ _tag }) => _tag),
            ["CACHE_GET_FAILED"]
          )
          assert.isUndefined((yield* world.store.read("k")).lease)
        })
    )
  }

  scenario('onAdapterError "fetch": the last to leave ends that load, too', (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ onAdapterError: "fetch" }, (adapter) =>
        faulty(remote(adapter), { acquire: () => "fail" })
      )
      const origin = new Origin()
      const callers = yield* beginMany(2, () => cache.getOrSet("k", origin.gives(10_000)))
      yield* advance(10)
      for (const caller of callers) yield* Fiber.interrupt(caller)
      assert.strictEqual(origin.interrupted, 1)
    })
  )

  for (const [what, fetcher, check] of [
    [
      "fails",
      () => Effect.fail("typed"),
      (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.squash(exit.cause) === "typed"
    ],
    [
      "throws at once",
      (): never => {
        throw new Error("bug")
      },
      (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.hasDies(exit.cause)
    ]
  ] as const) {
    scenario(`onAdapterError "fetch": a fetcher that ${what} is answered, and blocks nothing`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ onAdapterError: "fetch" }, (adapter) =>
          faulty(remote(adapter), { acquire: () => "fail" })
        )
        for (let i = 0; i < 2; i++)
          assert.isTrue(check(yield* Effect.exit(cache.getOrSet<unknown>("k", fetcher as any))))
        assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("v"))).value, "v")
      })
    )
  }

  scenario("while following: the same, and the subscription ends", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) =>
        faulty(remote(adapter), { acquire: (n) => (n > 2 ? "fail" : undefined) })
      )
      yield* world.crash("k", 1000)
      const caller = yield* begin(Effect.flip(cache.getOrSet("k", () => Effect.succeed("v"))))
      yield* advance(1001)
      assert.strictEqual((yield* Fiber.join(caller))._tag, "CACHE_GET_FAILED")
      assert.strictEqual(process.watching, 0)
    })
  )

  scenario("with a bug of the adapter is a defect, and leaves nothing behind", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { acquire: ["throw"] }))
      const exit = yield* Effect.exit(cache.getOrSet("k", () => Effect.succeed("v")))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("v"))).value, "v")
    })
  )
})

describe("a store that is asked for too much", () => {
  /** Without the later looks, by `read`, for a first question that was granted all the same. */
  const askedOf = ({ verbs }: { readonly verbs: ReadonlyArray<string> }) => verbs.filter((verb) => verb !== "read")

  scenario("is asked again after the pause that it asked for, not at once, and the answer is as good", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { acquire: ["throttle"] }))
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives()))
      yield* advance(199)
      assert.deepStrictEqual(process.verbs, ["acquire"])
      // Up to half of the pause comes by chance.
      yield* advance(101)
      assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
      assert.deepStrictEqual(askedOf(process), ["acquire", "acquire", "fill"])
    })
  )

  scenario("the same holds when a follower asks, and for a fill", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({}, (adapter) => faulty(remote(adapter), { fill: ["throttle"] }))
      const b = yield* world.cache({}, (adapter) =>
        faulty(withoutWatch(remote(adapter)), { acquire: [undefined, "throttle"] })
      )
      const origin = new Origin()
      yield* begin(a.cache.getOrSet("k", origin.gives(10)))
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives(10)))
      yield* advance(60)
      assert.deepStrictEqual(
        [askedOf(a.process), askedOf(b.process)],
        [
          ["acquire", "fill"],
          ["acquire", "acquire"]
        ]
      )
      yield* advance(149)
      assert.deepStrictEqual(
        [askedOf(a.process), askedOf(b.process)],
        [
          ["acquire", "fill"],
          ["acquire", "acquire"]
        ]
      )
      yield* advance(151)
      assert.deepStrictEqual(askedOf(a.process), ["acquire", "fill", "fill"])
      assert.deepInclude(yield* Fiber.join(follower), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("fails its caller when it is still asked for too much", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ onAdapterError: "fail" }, (adapter) =>
        faulty(remote(adapter), { acquire: () => "throttle" })
      )
      const caller = yield* begin(Effect.flip(cache.getOrSet("k", new Origin().gives())))
      yield* advance(300)
      assert.strictEqual(((yield* Fiber.join(caller)) as CacheGetFailed)._tag, "CACHE_GET_FAILED")
      assert.deepStrictEqual(askedOf(process), ["acquire", "acquire"])
      yield* advance(5_000)
    })
  )
})

describe("a store that hangs", () => {
  scenario(
    "in acquire: callers wait no longer than waitMax",
    (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ waitMax: 1000, onWaitTimeout: "fail" }, (adapter) =>
          faulty(remote(adapter), { acquire: () => "hang" })
        )
        const callers = yield* beginMany(2, () => Effect.exit(cache.getOrSet("k", () => Effect.succeed("v"))))
        yield* advance(1000)
        assert.isFalse(callers.some(waits))
      }),
    { untidy: true }
  )

  scenario(
    "in acquire: a caller that leaves ends at once, and the next one begins anew",
    (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { acquire: ["hang"] }))
        const caller = yield* begin(cache.getOrSet("k", () => Effect.succeed("v")))
        yield* Effect.forkChild(Fiber.interrupt(caller))
        yield* flush
        assert.isFalse(waits(caller))
        assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("v"))).value, "v")
      }),
    { untidy: true }
  )

  scenario("in acquire, answering after everybody left: the lease is given back", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) =>
        faulty(remote(adapter), { acquire: [Effect.sleep(5000)] })
      )
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* Effect.forkChild(Fiber.interrupt(caller))
      yield* advance(5000)
      assert.deepStrictEqual(process.verbs, ["acquire", "abandon"])
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.strictEqual(origin.calls, 0)
    })
  )

  scenario(
    "in fill: callers may leave, and one elsewhere takes over when the lease ends",
    (world) =>
      Effect.gen(function* () {
        const a = yield* world.cache({ leaseTtl: 300 }, (adapter) => faulty(remote(adapter), { fill: () => "hang" }))
        const b = yield* world.cache({ leaseTtl: 300 }, remote)
        const origin = new Origin()
        const stuck = yield* begin(a.cache.getOrSet("k", origin.gives()))
        const follower = yield* begin(b.cache.getOrSet("k", origin.gives()))
        yield* advance(301)
        assert.strictEqual((yield* Fiber.join(follower)).value, "v2")
        yield* Effect.forkChild(Fiber.interrupt(stuck))
        yield* flush
        assert.isFalse(waits(stuck))
      }),
    { untidy: true }
  )
})

describe("a failing origin, across processes", () => {
  class Teapot extends Data.TaggedError("Teapot")<{ readonly code: number; readonly at: Date }> {}

  for (const [kind, wrap] of [
    ["pushing", remote],
    ["polled", (adapter: any) => withoutWatch(remote(adapter))]
  ] as const) {
    scenario(`50 callers in 5 processes: one load, and everyone can catch its failure by tag (${kind})`, (world) =>
      Effect.gen(function* () {
        const processes = yield* Effect.all([1, 2, 3, 4, 5].map(() => world.cache({ cooldown: 1000 }, wrap)))
        const origin = new Origin()
        const fetcher = origin.load(100, () => Effect.fail(new Teapot({ code: 418, at: new Date(7) })))
        const callers = yield* beginMany(50, (n) =>
          Effect.catchTag(processes[n % 5]!.cache.getOrSet("k", fetcher), "Teapot", (teapot) => Effect.succeed(teapot))
        )
        yield* advance(100)
        // Flights that poll ask a little later, still within the cooldown.
        yield* advance(500)
        for (const caught of yield* joinAll(callers)) {
          assert.deepInclude(caught, { _tag: "Teapot", code: 418, at: new Date(7) })
        }
        assert.strictEqual(origin.calls, 1)
      })
    )
  }

  scenario("over one memory the very failure is shared, however little of it could be written", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache()
      const b = yield* world.cache()
      const failure = { retry: () => "a function" }
      const fetcher = () => Effect.delay(Effect.fail(failure), 10)
      const one = yield* begin(Effect.flip(a.cache.getOrSet("k", fetcher)))
      const two = yield* begin(Effect.flip(b.cache.getOrSet("k", fetcher)))
      yield* advance(10)
      assert.strictEqual(yield* Fiber.join(one), failure)
      assert.strictEqual(yield* Fiber.join(two), failure)
    })
  )

  scenario("a failure that is no object arrives as it was; undefined is a failure too", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({}, remote)
      const b = yield* world.cache({}, remote)
      for (const failure of ["text", 7, null, undefined, { _tag: "Deep", deep: new Map([[1, 2]]) }]) {
        const fetcher = () => Effect.delay(Effect.fail(failure), 10)
        const key = String(failure)
        const one = yield* begin(Effect.flip(a.cache.getOrSet(key, fetcher)))
        const two = yield* begin(Effect.flip(b.cache.getOrSet(key, fetcher)))
        yield* advance(10)
        assert.strictEqual(yield* Fiber.join(one), failure)
        assert.deepStrictEqual(yield* Fiber.join(two), failure)
      }
    })
  )

  scenario("an object that nobody has tagged does not leave the process: others hear LOAD_COOLING", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({}, remote)
      const b = yield* world.cache({}, remote)
      const failure = { status: 401, config: { headers: { authorization: "secret" } } }
      const fetcher = () => Effect.delay(Effect.fail(failure), 10)
      const one = yield* begin(Effect.flip(a.cache.getOrSet("k", fetcher)))
      const two = yield* begin(Effect.flip(b.cache.getOrSet("k", fetcher)))
      yield* advance(10)
      assert.strictEqual(yield* Fiber.join(one), failure)
      assert.instanceOf(yield* Fiber.join(two), LoadCooling)
    })
  )

  scenario("a defect reaches other processes as LOAD_COOLING, without its cause", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ cooldown: 500 }, remote)
      const b = yield* world.cache({ cooldown: 500 }, remote)
      const origin = new Origin()
      const fetcher = origin.load(100, () => Effect.die(new Error("secret")))
      const leader = yield* begin(Effect.exit(a.cache.getOrSet("k", fetcher)))
      const follower = yield* begin(Effect.flip(b.cache.getOrSet("k", fetcher)))
      yield* advance(100)
      const exit = yield* Fiber.join(leader)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      const told = yield* Fiber.join(follower)
      assert.instanceOf(told, LoadCooling)
      assert.strictEqual((told as LoadCooling).retryIn, 500)
      assert.notInclude(JSON.stringify(told), "secret")
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("a failure of which the abandon was lost: the follower takes over when the lease ends", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ leaseTtl: 300 }, (adapter) => faulty(remote(adapter), { abandon: () => "fail" }))
      const b = yield* world.cache({ leaseTtl: 300 }, remote)
      const origin = new Origin()
      const leader = yield* begin(Effect.exit(a.cache.getOrSet("k", origin.breaks(50))))
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives()))
      yield* advance(301)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(leader)))
      assert.strictEqual((yield* Fiber.join(follower)).value, "v2")
    })
  )
})

describe("a key that cools down", () => {
  const failed = (world: World, options: Partial<Policy.Options<string>> = {}) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache<string>({ cooldown: 1000, ...options }, remote)
      const origin = new Origin()
      yield* Effect.exit(cache.getOrSet("k", origin.breaks()))
      return { cache, process, origin }
    })

  scenario('"wait" (the default): callers wait until it has cooled, then one loads for all', (world) =>
    Effect.gen(function* () {
      const { cache, origin, process } = yield* failed(world)
      const callers = yield* beginMany(50, () => cache.getOrSet("k", origin.gives(10)))
      yield* advance(999)
      assert.strictEqual(origin.calls, 1)
      yield* advance(2)
      assert.strictEqual(origin.calls, 2)
      yield* advance(10)
      assert.isTrue((yield* joinAll(callers)).every(({ value }) => value === "v2"))
      assert.deepStrictEqual(process.verbs, ["acquire", "abandon", "acquire", "acquire", "fill"])
    })
  )

  scenario('"wait" with a cooldown beyond waitMax fails at once with the failure', (world) =>
    Effect.gen(function* () {
      const { cache, origin } = yield* failed(world, { waitMax: 500 })
      const caller = yield* begin(Effect.flip(cache.getOrSet("k", origin.gives())))
      assert.deepInclude(ended(caller), { _tag: "Success" })
      assert.deepInclude((yield* Fiber.join(caller)) as unknown, { _tag: "Broken", code: 1 })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario('"fail" fails at once with the failure, here and elsewhere', (world) =>
    Effect.gen(function* () {
      const { cache, origin } = yield* failed(world, { onCooling: "fail" })
      const other = yield* world.cache({ onCooling: "fail" }, remote)
      for (const each of [cache, other.cache]) {
        const told: unknown = yield* Effect.flip(each.getOrSet("k", origin.gives()))
        assert.deepInclude(told, { _tag: "Broken", code: 1 })
      }
      assert.strictEqual(origin.calls, 1)
      yield* advance(1000)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).value, "v2")
    })
  )

  scenario('"fetch" loads without caching, once per process', (world) =>
    Effect.gen(function* () {
      const { cache, origin, process } = yield* failed(world, { onCooling: "fetch" })
      const callers = yield* beginMany(50, () => cache.getOrSet("k", origin.gives(100)))
      yield* advance(100)
      const answers = yield* joinAll(callers)
      assert.deepStrictEqual(answers[0], { value: "v2", meta: { cache: "MISS-LEADER-NOCACHE", uncached: "bypassed" } })
      assert.deepInclude(answers[9]!.meta, { cache: "MISS-FOLLOWER-HIT", uncached: "bypassed" })
      assert.deepStrictEqual(process.verbs, ["acquire", "abandon", "acquire"])
      assert.isUndefined((yield* world.store.read("k")).value)
    })
  )

  scenario('"fetch" beside a stale value that is allowed: the stale value, and no load', (world) =>
    Effect.gen(function* () {
      for (const wrap of [remote, (adapter: any) => slow(remote(adapter), 2)]) {
        const { cache } = yield* world.cache(
          { cacheTtl: 1000, staleIfError: 5000, cooldown: 500, onCooling: "fetch" },
          wrap
        )
        yield* begin(cache.set("k", "old"))
        yield* advance(1500)
        const origin = new Origin()
        const first = yield* begin(cache.getOrSet("k", origin.breaks()))
        yield* advance(10)
        assert.strictEqual((yield* Fiber.join(first)).meta.cache, "STALE")
        let called = false
        const second = yield* begin(
          cache.getOrSet("k", () => {
            called = true
            return Effect.succeed("new")
          })
        )
        yield* advance(10)
        assert.strictEqual((yield* Fiber.join(second)).meta.cache, "STALE")
        assert.isFalse(called)
        yield* world.store.delete("k")
      }
    })
  )

  scenario("a stale value whose tag was invalidated while its load was waited for hides no failure", (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleIfError: 60_000, cooldown: 5000, tags: ["tag"] }
      for (const takesOver of [false, true]) {
        const origin = new Origin()
        const { cache } = yield* world.cache(options, remote)
        const other = yield* world.cache(options, remote)
        yield* cache.set("k", "old")
        yield* advance(1500)
        const token = yield* world.crash("k", 1000)
        const before = yield* begin(Effect.exit(cache.getOrSet("k", origin.breaks())))
        yield* other.cache.invalidateTag("tag")
        yield* advance(100)
        const after = yield* begin(Effect.exit(cache.getOrSet("k", origin.breaks())))
        if (!takesOver) yield* world.store.abandon("k", { token, cooldown: 5000 })
        yield* advance(1000)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(before)))
        assert.isTrue(Exit.isFailure(yield* Fiber.join(after)))
        assert.strictEqual(origin.calls, takesOver ? 1 : 0)
        yield* world.store.delete("k")
      }
    })
  )

  scenario("a waiter for the cooldown is not woken, but may leave at any time", (world) =>
    Effect.gen(function* () {
      const { cache, origin } = yield* failed(world)
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(100)
      yield* Fiber.interrupt(caller)
      yield* advance(5000)
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("after it, callers of many processes make one load", (world) =>
    Effect.gen(function* () {
      const { cache, origin } = yield* failed(world)
      const other = yield* world.cache({ cooldown: 1000 }, remote)
      const callers = yield* beginMany(20, (n) => (n % 2 === 0 ? cache : other.cache).getOrSet("k", origin.gives(100)))
      yield* advance(1101)
      yield* joinAll(callers)
      assert.strictEqual(origin.calls, 2)
    })
  )

  scenario("an origin that stays down is asked once per cooldown, however many ask", (world) =>
    Effect.gen(function* () {
      const processes = yield* Effect.all([1, 2].map(() => world.cache({ cooldown: 1000 }, remote)))
      const origin = new Origin()
      const callers = yield* beginMany(50, (n) =>
        Effect.forEach(
          Array.from({ length: 20 }),
          () =>
            Effect.andThen(Effect.exit(processes[n % 2]!.cache.getOrSet("k", origin.breaks(100))), Effect.sleep(137)),
          { discard: true }
        )
      )
      yield* advance(11_000)
      assert.isAtMost(origin.calls, 11)
      assert.strictEqual(origin.most, 1)
      for (const caller of callers) yield* Fiber.interrupt(caller)
    })
  )

  scenario("a put ends it", (world) =>
    Effect.gen(function* () {
      const { cache, origin } = yield* failed(world)
      yield* cache.set("k", "put")
      assert.deepInclude(yield* cache.getOrSet("k", origin.gives()), { value: "put" })
    })
  )
})

describe("stored bytes that do not decode", () => {
  const spoil = (world: World, fresh = 100_000, stale = 0) =>
    world.store.put("k", { value: bytesOf("not an envelope"), lifetime: { fresh, stale } })

  scenario("is a miss: counted, logged once, loaded anew and overwritten", (world) =>
    Effect.gen(function* () {
      yield* spoil(world)
      const { cache, process } = yield* world.cache({}, remote)
      const origin = new Origin()
      const callers = yield* beginMany(10, () => cache.getOrSet("k", origin.gives(10)))
      yield* advance(10)
      const answers = yield* joinAll(callers)
      assert.deepInclude(answers[0], { value: "v1", meta: { cache: "MISS-LEADER", leaseUntil: 15_000 } })
      assert.strictEqual(origin.calls, 1)
      assert.strictEqual(cache.stats().undecodable, 1)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).meta.cache, "HIT")
      assert.deepStrictEqual(process.verbs, ["acquire", "acquire", "fill", "acquire"])
      const lines = (yield* TestConsole.logLines).map(String).join("\n")
      assert.include(lines, "cannot read a stored value")
      assert.notInclude(lines, "not an envelope")
    })
  )

  scenario("across processes: one loads, the others wait for it without a flood of asking or of logs", (world) =>
    Effect.gen(function* () {
      yield* spoil(world)
      const a = yield* world.cache({}, remote)
      const b = yield* world.cache({}, remote)
      const origin = new Origin()
      const leader = yield* begin(a.cache.getOrSet("k", origin.gives(3000)))
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives(3000)))
      yield* advance(3000)
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(leader)).value, "v1")
      assert.deepInclude(yield* Fiber.join(follower), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
      assert.isAtMost(b.process.count("acquire"), 6)
      assert.isAtMost(b.cache.stats().undecodable, 3)
    })
  )

  scenario('"fail" fails with DECODE_FAILED, in get too, and changes nothing', (world) =>
    Effect.gen(function* () {
      const strict: Codec.SyncCodec<string> = {
        ...Codec.string,
        onInvalid: "fail",
        decode: () => {
          throw new Error("no")
        }
      }
      const writer = yield* world.cache<string>({ codec: Codec.string }, remote)
      yield* writer.cache.set("k", "v")
      const { cache, process } = yield* world.cache<string>({ codec: strict }, remote)
      const origin = new Origin()
      for (const ask of [cache.getOrSet("k", origin.gives()), cache.get("k")] as ReadonlyArray<
        Effect.Effect<unknown, CacheLockingError>
      >) {
        const error = yield* Effect.flip(ask)
        assert.strictEqual(error._tag, "DECODE_FAILED")
        assert.deepStrictEqual(error.context, { key: "k", phase: "decode", adapter: "memory" })
      }
      assert.strictEqual(origin.calls, 0)
      assert.deepStrictEqual(process.verbs, ["acquire", "read"])
      assert.strictEqual((yield* writer.cache.getOrSet("k", origin.gives())).value, "v")
    })
  )

  scenario("get answers nothing, and leaves it", (world) =>
    Effect.gen(function* () {
      yield* spoil(world)
      const { cache, process } = yield* world.cache({}, remote)
      assert.strictEqual((yield* cache.get("k"))._tag, "None")
      assert.deepStrictEqual(process.verbs, ["read"])
      assert.strictEqual(cache.stats().undecodable, 1)
    })
  )

  scenario("as a stale value is no stale value", (world) =>
    Effect.gen(function* () {
      yield* spoil(world, 100, 10_000)
      yield* advance(200)
      const { cache } = yield* world.cache({ staleWhileRevalidate: 10_000 }, remote)
      const origin = new Origin()
      assert.deepInclude(yield* cache.getOrSet("k", origin.gives()), { value: "v1" })
    })
  )

  scenario("as the cause of a cooldown becomes LOAD_COOLING", (world) =>
    Effect.gen(function* () {
      const token = yield* world.crash("k", 1000)
      yield* world.store.abandon("k", { token, cooldown: 1000, cause: bytesOf("junk") })
      const { cache } = yield* world.cache({ onCooling: "fail" }, remote)
      assert.strictEqual((yield* Effect.flip(cache.getOrSet("k", () => Effect.succeed("v"))))._tag, "LOAD_COOLING")
    })
  )

  scenario("two codecs in turn do not load without end", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache<string>({ codec: Codec.string }, remote)
      const b = yield* world.cache<string>({ codec: Codec.json<string>() }, remote)
      const origin = new Origin()
      for (let i = 0; i < 5; i++) {
        const callers = yield* beginMany(4, (n) => (n % 2 === 0 ? a : b).cache.getOrSet("k", origin.gives(10)))
        yield* advance(1000)
        yield* joinAll(callers)
      }
      assert.isAtMost(origin.calls, 10)
      assert.strictEqual(origin.most, 1)
    })
  )
})

describe("owners", () => {
  scenario("every flight has a name of its own, which begins with ownerId", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ ownerId: "web-1", cacheTtl: 0 })
      for (let i = 0; i < 100; i++) yield* cache.getOrSet("k", () => Effect.succeed("v"))
      const owners = process.given("acquire").map(({ owner }) => owner as string)
      assert.strictEqual(new Set(owners).size, 100)
      assert.isTrue(owners.every((owner) => owner.startsWith("web-1:")))
      const caller = yield* begin(cache.getOrSet("k", () => Effect.sleep(10).pipe(Effect.as("v"))))
      const { holder, leaseEndsIn } = yield* cache.explain("k")
      assert.match(holder!, /^web-1:/)
      assert.strictEqual(leaseEndsIn, 15_000)
      yield* advance(10)
      yield* Fiber.join(caller)
    })
  )

  scenario("a fetcher's typed failure of our own kind is still the fetcher's", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const inner = new CacheGetFailed({ context: { phase: "read" }, message: "another cache's" })
      assert.strictEqual(yield* Effect.flip(cache.getOrSet("k", () => Effect.fail(inner))), inner)
      assert.strictEqual(
        yield* Effect.flip(cache.getOrSet("j", new Origin().breaks())).pipe(Effect.map((e) => e instanceof Broken)),
        true
      )
    })
  )
})

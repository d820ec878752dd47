import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Cache from "../../src/Cache.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import type { CacheLockingError } from "../../src/contract/CacheLockingError.ts"
import type { Answer, HookContext, Hooks, WaitHookContext } from "../../src/options/Answer.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { faulty } from "../support/Faulty.ts"
import { Broken, Origin } from "../support/Origin.ts"
import { advance, begin, beginMany, ended, flush, joinAll, recordErrors, scenario, waits } from "../support/Scenario.ts"
import { remote, slow, withoutWatch } from "../support/Wrappers.ts"

const kinds: ReadonlyArray<readonly [string, (adapter: Adapter) => Adapter]> = [
  ["memory", (adapter) => adapter],
  ["a remote store", remote],
  ["a slow remote store", (adapter) => slow(remote(adapter), 20)]
]

/** Does something that may take a little time over a slow store. */
const soon = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(begin(effect), (fiber) => Effect.andThen(advance(45), Fiber.join(fiber)))

/** Hooks that record their arguments. */
const spy = () => {
  const calls: Array<readonly [string, ...ReadonlyArray<unknown>]> = []
  const note =
    (name: string) =>
    (...args: ReadonlyArray<unknown>) =>
      Effect.sync(() => calls.push([name, ...args]))
  const hooks: Hooks<any> = {
    onHit: note("onHit"),
    onLeader: note("onLeader"),
    onFollowerWait: note("onFollowerWait"),
    onFallback: note("onFallback"),
    onError: note("onError")
  }
  return { calls, hooks, names: () => calls.map(([name]) => name) }
}

describe("outcomes, and the hook of each", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`MISS-LEADER, then HIT, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { calls, hooks } = spy()
        const { cache } = yield* world.cache({ cacheTtl: 1000, hooks }, wrap)
        const miss = yield* soon(cache.getOrSet("k", () => Effect.succeed("v")))
        assert.deepInclude(miss, { value: "v" })
        assert.strictEqual(miss.meta.cache, "MISS-LEADER")
        assert.deepStrictEqual(Object.keys(miss.meta), ["cache", "leaseUntil"])
        yield* advance(100)
        const hit = yield* soon(cache.getOrSet("k", () => Effect.succeed("w")))
        assert.deepStrictEqual(Object.keys(hit.meta), ["cache", "age", "freshFor"])
        assert.strictEqual(hit.value, "v")
        assert.strictEqual(hit.meta.cache, "HIT")
        assert.strictEqual(hit.meta.age! + hit.meta.freshFor!, 1000)
        assert.isAtLeast(hit.meta.age!, 100)
        assert.deepStrictEqual(calls, [
          ["onLeader", "v", { ...miss.meta, key: "k", cached: true }],
          ["onHit", "v", { ...hit.meta, key: "k", cached: true }]
        ])
        const { hits, misses, hitRate, loads } = cache.stats()
        assert.deepStrictEqual({ hits, misses, hitRate, loads }, { hits: 1, misses: 1, hitRate: 0.5, loads: 1 })
      })
    )

    scenario(`MISS-FOLLOWER-HIT, of this process and of another, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const here = spy()
        const there = spy()
        const a = yield* world.cache({ hooks: here.hooks }, wrap)
        const b = yield* world.cache({ hooks: there.hooks, waitMax: 3000 }, wrap)
        const origin = new Origin()
        const leader = yield* begin(a.cache.getOrSet("k", origin.gives(500)))
        yield* advance(30)
        const joiner = yield* begin(a.cache.getOrSet("k", origin.gives(500)))
        const follower = yield* begin(b.cache.getOrSet("k", origin.gives(500)))
        yield* advance(600)
        const answers = yield* joinAll([leader, joiner, follower])
        assert.deepStrictEqual(
          answers.map(({ meta }) => meta.cache),
          ["MISS-LEADER", "MISS-FOLLOWER-HIT", "MISS-FOLLOWER-HIT"]
        )
        assert.deepStrictEqual(Object.keys(answers[1]!.meta), ["cache", "waited", "leaseUntil"])
        assert.deepStrictEqual(Object.keys(answers[2]!.meta), ["cache", "age", "freshFor", "waited"])
        for (const { meta } of answers.slice(1)) assert.closeTo(meta.waited!, 490, 30)
        assert.sameDeepMembers(here.calls, [
          ["onLeader", "v1", { ...answers[0]!.meta, key: "k", cached: true }],
          ["onHit", "v1", { ...answers[1]!.meta, key: "k", cached: true }]
        ])
        assert.deepStrictEqual(there.calls, [
          ["onFollowerWait", { key: "k", waitMax: 3000 }],
          ["onHit", "v1", { ...answers[2]!.meta, key: "k", cached: true }]
        ])
      })
    )

    scenario(`MISS-FOLLOWER-FALLBACK over ${kind}`, (world) =>
      Effect.gen(function* () {
        yield* world.crash("k", 60_000)
        const { calls, hooks } = spy()
        const { cache } = yield* world.cache({ hooks, waitMax: 1000 }, wrap)
        const origin = new Origin()
        const caller = yield* begin(cache.getOrSet("k", origin.gives(100)))
        yield* advance(999)
        assert.strictEqual(origin.calls, 0)
        yield* advance(1)
        assert.strictEqual(origin.calls, 1)
        yield* advance(100)
        const answer = yield* Fiber.join(caller)
        assert.deepStrictEqual(answer, {
          value: "v1",
          meta: { cache: "MISS-FOLLOWER-FALLBACK", waited: 1100, uncached: "bypassed" }
        })
        assert.deepStrictEqual(calls, [
          ["onFollowerWait", { key: "k", waitMax: 1000 }],
          ["onFallback", "v1", { ...answer.meta, key: "k", cached: false }]
        ])
        assert.isUndefined((yield* world.store.read("k")).value)
        assert.strictEqual(cache.stats().fallbacks, 1)
        yield* advance(50)
      })
    )

    scenario(`STALE over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { calls, hooks } = spy()
        const { cache } = yield* world.cache({ hooks, cacheTtl: 1000, staleWhileRevalidate: 5000 }, wrap)
        yield* soon(cache.set("k", "old"))
        yield* advance(1455)
        const origin = new Origin()
        const answer = yield* soon(cache.getOrSet("k", origin.gives(500)))
        assert.deepStrictEqual(Object.keys(answer.meta), ["cache", "age", "staleFor"])
        assert.strictEqual(answer.value, "old")
        assert.strictEqual(answer.meta.cache, "STALE")
        assert.closeTo(answer.meta.age!, 1500, 21)
        assert.strictEqual(answer.meta.staleFor, answer.meta.age! - 1000)
        assert.deepStrictEqual(calls, [["onHit", "old", { ...answer.meta, key: "k", cached: true }]])
        assert.strictEqual(cache.stats().staleServed, 1)
        yield* advance(600)
      })
    )
  }

  scenario("hooks of the cache and of the call: the call's own win, name by name", (world) =>
    Effect.gen(function* () {
      const all = spy()
      const own = spy()
      const { cache } = yield* world.cache({ hooks: all.hooks })
      yield* cache.getOrSet("k", () => Effect.succeed("v"), { hooks: { onLeader: own.hooks.onLeader } })
      yield* cache.getOrSet("k", () => Effect.succeed("v"), { hooks: { onLeader: own.hooks.onLeader } })
      assert.deepStrictEqual([all.names(), own.names()], [["onHit"], ["onLeader"]])
    })
  )

  scenario("each caller's hooks are its own: called once, with its own answer", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      const origin = new Origin()
      const spies = Array.from({ length: 20 }, spy)
      const callers = yield* beginMany(20, (n) => cache.getOrSet("k", origin.gives(100), { hooks: spies[n]!.hooks }))
      yield* advance(100)
      yield* joinAll(callers)
      assert.deepStrictEqual(
        spies.map(({ names }) => names()),
        [["onLeader"], ...Array.from({ length: 19 }, () => ["onHit"])]
      )
    })
  )

  scenario("a hook's failure is its caller's, and nobody else's", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      const origin = new Origin()
      const failing = { onLeader: () => Effect.fail("leader's hook"), onHit: () => Effect.fail("joiner's hook") }
      const [leader, joiner] = yield* beginMany(2, () =>
        Effect.flip(cache.getOrSet("k", origin.gives(100), { hooks: failing }))
      )
      const other = yield* begin(cache.getOrSet("k", origin.gives(100)))
      yield* advance(100)
      assert.strictEqual(yield* Fiber.join(leader!), "leader's hook")
      assert.strictEqual(yield* Fiber.join(joiner!), "joiner's hook")
      assert.strictEqual((yield* Fiber.join(other)).value, "v1")
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).meta.cache, "HIT")
      assert.strictEqual(yield* Effect.flip(cache.getOrSet("k", origin.gives(), { hooks: failing })), "joiner's hook")
    })
  )

  for (const [what, hook] of [
    ["dies", () => Effect.die("bug")],
    [
      "throws",
      (): never => {
        throw new Error("bug")
      }
    ]
  ] as const) {
    scenario(`a hook that ${what} is its caller's defect`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache()
        for (const hooks of [{ onLeader: hook }, { onHit: hook }]) {
          const exit = yield* Effect.exit(cache.getOrSet("k", () => Effect.succeed("v"), { hooks }))
          assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        }
        yield* world.crash("j", 1000)
        const waiting = yield* begin(
          Effect.exit(cache.getOrSet("j", () => Effect.succeed("v"), { hooks: { onFollowerWait: hook } }))
        )
        const exit = ended(waiting)
        assert.isTrue(Exit.isSuccess(exit) && Exit.isFailure(exit.value) && Cause.hasDies(exit.value.cause))
      })
    )
  }

  scenario("onFollowerWait is called once, though another leader follows the first", (world) =>
    Effect.gen(function* () {
      const { calls, hooks } = spy()
      const { cache } = yield* world.cache({ hooks, waitMax: "1 minute" }, remote)
      const token = yield* world.crash("k", 1000, "first")
      const caller = yield* begin(cache.getOrSet("k", () => Effect.succeed("v")))
      // Another process forces a refresh: the lease changes hands under the caller that waits.
      yield* world.store.acquire("k", { owner: "second", leaseFor: 3000, force: true })
      yield* world.store.abandon("k", { token })
      yield* advance(1001)
      assert.isTrue(waits(caller))
      yield* advance(2001)
      yield* Fiber.join(caller)
      assert.deepStrictEqual(
        calls.map(([name]) => name),
        ["onFollowerWait", "onLeader"]
      )
    })
  )

  scenario("onFollowerWait is called once, though the flight led in between", (world) =>
    Effect.gen(function* () {
      const { calls, hooks } = spy()
      const { cache } = yield* world.cache(
        { hooks, waitMax: "1 minute", leaseTtl: 300, onLeaseLost: "interrupt" },
        remote
      )
      yield* world.crash("k", 1000, "first")
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives(500)))
      yield* advance(1050)
      assert.strictEqual(origin.calls, 1)
      // Its lease is lost to another process, for which it then waits.
      yield* world.store.delete("k")
      yield* world.crash("k", 2000, "second")
      yield* advance(2500)
      yield* advance(500)
      assert.strictEqual((yield* Fiber.join(caller)).value, "v2")
      assert.deepStrictEqual(
        calls.map(([name]) => name),
        ["onFollowerWait", "onLeader"]
      )
    })
  )

  scenario("onFollowerWait is not called for a load of this very process", (world) =>
    Effect.gen(function* () {
      const { names, hooks } = spy()
      const { cache } = yield* world.cache({ hooks })
      const callers = yield* beginMany(3, () => cache.getOrSet("k", new Origin().gives(100)))
      yield* advance(100)
      yield* joinAll(callers)
      assert.notInclude(names(), "onFollowerWait")
    })
  )

  scenario("a slow onFollowerWait delays its own caller only, which misses nothing meanwhile", (world) =>
    Effect.gen(function* () {
      const leader = yield* world.cache({}, remote)
      const { cache, process } = yield* world.cache({}, remote)
      const origin = new Origin()
      yield* begin(leader.cache.getOrSet("k", origin.gives(100)))
      const { names, hooks } = spy()
      const dozy = yield* begin(
        cache.getOrSet("k", origin.gives(), { hooks: { ...hooks, onFollowerWait: () => Effect.sleep(500) } })
      )
      const other = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(100)
      assert.isFalse(waits(other))
      assert.isTrue(waits(dozy))
      yield* advance(400)
      const { meta, value } = yield* Fiber.join(dozy)
      assert.deepStrictEqual([value, meta.cache], ["v1", "MISS-FOLLOWER-HIT"])
      assert.deepStrictEqual(names(), ["onHit"])
      assert.deepStrictEqual(process.verbs, ["acquire", "watch", "acquire", "acquire"])
    })
  )

  scenario("an onFollowerWait that fails leaves: the last one ends the flight", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, remote)
      yield* world.crash("k", 1000)
      const origin = new Origin()
      const hooks = { onFollowerWait: () => Effect.fail("no") }
      const other = yield* begin(cache.getOrSet("k", origin.gives()))
      assert.strictEqual(yield* Effect.flip(cache.getOrSet("k", origin.gives(), { hooks })), "no")
      assert.isTrue(waits(other))
      yield* Fiber.interrupt(other)
      assert.strictEqual(yield* Effect.flip(cache.getOrSet("k", origin.gives(), { hooks })), "no")
      yield* flush
      assert.strictEqual(world.flights, 0)
      assert.strictEqual(process.watching, 0)
      yield* advance(2000)
      assert.strictEqual(origin.calls, 0)
    })
  )

  scenario("a caller with onFollowerWait whose flight takes over is the leader", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      yield* world.crash("k", 1000)
      const { names, hooks } = spy()
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(10), { hooks }))
      yield* advance(1500)
      assert.strictEqual((yield* Fiber.join(caller)).meta.cache, "MISS-LEADER")
      assert.deepStrictEqual(names(), ["onFollowerWait", "onLeader"])
    })
  )
})

describe("waitMax", () => {
  for (const [push, wrap] of [
    ["pushing", remote],
    ["polled", (adapter: Adapter) => withoutWatch(remote(adapter))]
  ] as const) {
    scenario(`is each caller's own, on one flight (${push})`, (world) =>
      Effect.gen(function* () {
        yield* world.crash("k", 60_000)
        const { cache } = yield* world.cache({}, wrap)
        const origin = new Origin()
        const times = [3000, 500, 1000, 500, 2000, 10_000]
        const callers = yield* beginMany(times.length, (n) =>
          Effect.flip(cache.getOrSet("k", origin.gives(), { waitMax: times[n]!, onWaitTimeout: "fail" }))
        )
        for (const now of [500, 1000, 2000, 3000, 10_000]) {
          yield* advance(now - 1 - (yield* millis))
          const before = callers.filter(waits).length
          assert.strictEqual(before, times.filter((time) => time >= now).length, `before ${now}`)
          yield* advance(1)
          assert.strictEqual(callers.filter(waits).length, times.filter((time) => time > now).length, `at ${now}`)
        }
        const errors = yield* joinAll(callers)
        assert.deepStrictEqual(
          errors.map((error) => error._tag === "WAIT_TIMEOUT" && error.waited),
          times
        )
        assert.deepStrictEqual((errors[0] as CacheLockingError).context, { key: "k", phase: "wait", adapter: "memory" })
        assert.strictEqual(origin.calls, 0)
        assert.strictEqual(world.flights, 0)
      })
    )
  }

  scenario("of a later caller counts from its own coming", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const { cache } = yield* world.cache({ waitMax: 1000, onWaitTimeout: "fail" }, remote)
      const first = yield* begin(Effect.flip(cache.getOrSet("k", () => Effect.succeed("v"))))
      yield* advance(600)
      const second = yield* begin(Effect.flip(cache.getOrSet("k", () => Effect.succeed("v"))))
      yield* advance(400)
      assert.deepStrictEqual([waits(first), waits(second)], [false, true])
      yield* advance(599)
      assert.isTrue(waits(second))
      yield* advance(1)
      assert.isFalse(waits(second))
    })
  )

  scenario('"fetch": 250 callers that give up make one load beside it', (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const { cache, process } = yield* world.cache({ waitMax: 1000 }, remote)
      const origin = new Origin()
      const callers = yield* beginMany(250, () => cache.getOrSet("k", origin.gives(100)))
      yield* advance(1100)
      const answers = yield* joinAll(callers)
      assert.isTrue(answers.every(({ meta, value }) => value === "v1" && meta.cache === "MISS-FOLLOWER-FALLBACK"))
      assert.strictEqual(origin.calls, 1)
      assert.deepStrictEqual(process.verbs, ["acquire", "watch", "acquire"])
      assert.strictEqual(process.watching, 0)
    })
  )

  scenario('"fetch": a fallback that fails gives its typed failure to all its callers', (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const { cache } = yield* world.cache({ waitMax: 1000 }, remote)
      const origin = new Origin()
      const callers = yield* beginMany(10, () => Effect.flip(cache.getOrSet("k", origin.breaks(100))))
      yield* advance(1100)
      const errors = yield* joinAll(callers)
      assert.instanceOf(errors[0], Broken)
      assert.strictEqual(new Set(errors).size, 1)
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario('"fetch": a fetcher that throws at once does not block the next fallback', (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const { cache } = yield* world.cache({ waitMax: 100 }, remote)
      const bad = yield* begin(
        Effect.exit(
          cache.getOrSet("k", () => {
            throw new Error("bug")
          })
        )
      )
      yield* advance(100)
      const exit = ended(bad)
      assert.isTrue(Exit.isSuccess(exit) && Exit.isFailure(exit.value) && Cause.hasDies(exit.value.cause))
      assert.strictEqual(world.flights, 0)
      const good = yield* begin(cache.getOrSet("k", () => Effect.succeed("v")))
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(good)).value, "v")
    })
  )

  scenario('"fetch": the last caller that leaves ends the fallback, any other does not', (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const { cache } = yield* world.cache({ waitMax: 100 }, remote)
      const origin = new Origin()
      const [a, b] = yield* beginMany(2, () => cache.getOrSet("k", origin.gives(10_000)))
      yield* advance(200)
      yield* Fiber.interrupt(a!)
      yield* flush
      assert.deepStrictEqual([origin.calls, origin.interrupted], [1, 0])
      yield* Fiber.interrupt(b!)
      yield* flush
      assert.strictEqual(origin.interrupted, 1)
    })
  )

  scenario('"fetch": callers wait for a load of their own process as long as it takes', (world) =>
    Effect.gen(function* () {
      for (const wrap of [remote, (adapter: Adapter) => slow(remote(adapter), 10)]) {
        const { cache } = yield* world.cache({ waitMax: 100 }, wrap)
        const origin = new Origin()
        const callers = yield* beginMany(10, () => cache.getOrSet("k", origin.gives(5000)))
        yield* advance(6000)
        yield* joinAll(callers)
        assert.strictEqual(origin.calls, 1)
        yield* world.store.delete("k")
      }
    })
  )

  for (const onWaitTimeout of ["fail", "stale"] as const) {
    scenario(
      `"${onWaitTimeout}": a caller that joins a load of this process waits no longer than waitMax; its initiator waits on`,
      (world) =>
        Effect.gen(function* () {
          for (const wrap of [remote, (adapter: Adapter) => slow(remote(adapter), 20)]) {
            const { cache } = yield* world.cache({ waitMax: 100, onWaitTimeout }, wrap)
            const origin = new Origin()
            const callers = yield* beginMany(3, () => Effect.exit(cache.getOrSet("k", origin.gives(5000))))
            yield* advance(99)
            assert.deepStrictEqual(callers.map(waits), [true, true, true])
            yield* advance(1)
            assert.deepStrictEqual(callers.map(waits), [true, false, false])
            yield* advance(6000)
            const [first, second] = yield* joinAll(callers)
            assert.isTrue(Exit.isSuccess(first!))
            assert.isTrue(
              Exit.isFailure(second!) && (Cause.squash(second.cause) as CacheLockingError)._tag === "WAIT_TIMEOUT"
            )
            assert.strictEqual(origin.calls, 1)
            yield* world.store.delete("k")
          }
        })
    )

    scenario(`"${onWaitTimeout}": also answers the last waiter so`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({ onWaitTimeout }, remote)
        const origin = new Origin()
        const first = yield* begin(cache.getOrSet("k", origin.gives(5000)))
        const second = yield* begin(Effect.exit(cache.getOrSet("k", origin.gives(5000), { waitMax: 200 })))
        yield* advance(50)
        yield* Fiber.interrupt(first)
        yield* advance(150)
        const exit = ended(second)
        assert.isTrue(Exit.isSuccess(exit) && Exit.isFailure(exit.value))
        assert.strictEqual(origin.calls, 1)
        assert.deepStrictEqual(process.verbs, ["acquire", "abandon"])
      })
    )
  }

  scenario('"fetch": the last waiter falls back without asking the store again', (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const { cache, process } = yield* world.cache({ waitMax: 1000 }, remote)
      const origin = new Origin()
      const first = yield* begin(cache.getOrSet("k", origin.gives()))
      const second = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(500)
      yield* Fiber.interrupt(first)
      yield* advance(500)
      assert.deepInclude(yield* Fiber.join(second), { value: "v1" })
      assert.deepStrictEqual(process.verbs, ["acquire", "watch", "acquire"])
    })
  )

  scenario('"stale": serves what its windows allow, though nothing failed yet', (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleIfError: 60_000, waitMax: 500, onWaitTimeout: "stale" } as const
      const { cache } = yield* world.cache(options, remote)
      yield* cache.set("k", "old")
      yield* advance(2000)
      yield* world.crash("k", 60_000)
      const origin = new Origin()
      const callers = yield* beginMany(5, () => cache.getOrSet("k", origin.gives()))
      yield* advance(499)
      assert.isTrue(callers.every(waits))
      yield* advance(1)
      for (const { meta, value } of yield* joinAll(callers)) {
        assert.deepInclude(meta, { cache: "STALE", age: 2500, staleFor: 1500 })
        assert.strictEqual(value, "old")
      }
      assert.strictEqual(origin.calls, 0)
    })
  )

  scenario('"stale": a value beyond its windows, or none at all, is WAIT_TIMEOUT', (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleIfError: 2000, waitMax: 500, onWaitTimeout: "stale" } as const
      const { cache } = yield* world.cache(options, remote)
      yield* cache.set("k", "old", { staleIfError: 60_000 })
      yield* advance(2600)
      yield* world.crash("k", 60_000)
      yield* world.crash("none", 60_000)
      for (const key of ["k", "none"]) {
        const caller = yield* begin(Effect.flip(cache.getOrSet(key, () => Effect.succeed("v"))))
        yield* advance(500)
        assert.strictEqual((yield* Fiber.join(caller))._tag, "WAIT_TIMEOUT")
      }
    })
  )

  scenario('"stale": a value that was deleted while its load was waited for is served no more', (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleIfError: 60_000, waitMax: 500, onWaitTimeout: "stale" } as const
      const { cache } = yield* world.cache(options, (adapter) => withoutWatch(remote(adapter)))
      yield* cache.set("k", "old")
      yield* advance(2000)
      yield* world.crash("k", 60_000)
      const origin = new Origin()
      const before = yield* begin(Effect.flip(cache.getOrSet("k", origin.gives(), { waitMax: 2000 })))
      yield* world.store.delete("k")
      yield* world.crash("k", 60_000, "the next")
      yield* advance(1000)
      const after = yield* begin(Effect.flip(cache.getOrSet("k", origin.gives())))
      yield* advance(500)
      assert.strictEqual((yield* Fiber.join(after))._tag, "WAIT_TIMEOUT")
      yield* advance(500)
      assert.strictEqual((yield* Fiber.join(before))._tag, "WAIT_TIMEOUT")
    })
  )

  scenario(
    "that ends while the flight takes over: with fetch the callers wait for the load, with fail those that joined fail",
    (world) =>
      Effect.gen(function* () {
        yield* world.crash("k", 1000)
        const { cache } = yield* world.cache({ waitMax: 1100 }, remote)
        const origin = new Origin()
        const patient = yield* begin(cache.getOrSet("k", origin.gives(5000)))
        const joiner = yield* begin(cache.getOrSet("k", origin.gives(5000)))
        const strict = yield* begin(Effect.flip(cache.getOrSet("k", origin.gives(5000), { onWaitTimeout: "fail" })))
        yield* advance(1099)
        assert.strictEqual(origin.calls, 1)
        yield* advance(1)
        assert.deepStrictEqual([waits(patient), waits(joiner), waits(strict)], [true, true, false])
        assert.strictEqual((yield* Fiber.join(strict))._tag, "WAIT_TIMEOUT")
        yield* advance(5000)
        assert.strictEqual((yield* Fiber.join(patient)).meta.cache, "MISS-LEADER")
        assert.strictEqual((yield* Fiber.join(joiner)).meta.cache, "MISS-FOLLOWER-HIT")
        assert.strictEqual(origin.calls, 1)
      })
  )

  scenario("at the very moment of the lease's end gives one load, led or beside", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 1000)
      const { cache } = yield* world.cache({ waitMax: 1000 }, remote)
      const origin = new Origin()
      const callers = yield* beginMany(10, () => cache.getOrSet("k", origin.gives(100)))
      yield* advance(1500)
      yield* joinAll(callers)
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("0 never waits for another, but loads where nobody does", (world) =>
    Effect.gen(function* () {
      for (const wrap of [(adapter: Adapter) => adapter, remote, (adapter: Adapter) => slow(remote(adapter), 20)]) {
        const { cache } = yield* world.cache({ waitMax: 0 }, wrap)
        const free = yield* soon(cache.getOrSet("free", () => Effect.succeed("v")))
        assert.strictEqual(free.meta.cache, "MISS-LEADER")
        yield* world.crash("taken", 60_000)
        const taken = yield* soon(cache.getOrSet("taken", () => Effect.succeed("v")))
        assert.strictEqual(taken.meta.cache, "MISS-FOLLOWER-FALLBACK")
        yield* world.store.delete("free")
        yield* world.store.delete("taken")
      }
    })
  )

  scenario("Infinity waits until there is an answer", (world) =>
    Effect.gen(function* () {
      const token = yield* world.crash("k", 3_600_000)
      const { cache } = yield* world.cache({ waitMax: Infinity }, remote)
      const caller = yield* begin(cache.getOrSet("k", () => Effect.succeed("v")))
      yield* advance(3_000_000)
      assert.isTrue(waits(caller))
      yield* world.store.abandon("k", { token })
      yield* flush
      assert.isFalse(waits(caller))
    })
  )
})

describe("an AbortSignal", () => {
  /** Counts the listeners of a signal. */
  const counted = () => {
    const controller = new AbortController()
    const { signal } = controller
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    const on = new Set<unknown>()
    signal.addEventListener = (type: string, listener: any, options?: any) => {
      if (!on.has(listener)) listeners++
      on.add(listener)
      addEventListener.call(signal, type, listener, options)
    }
    signal.removeEventListener = (type: string, listener: any) => {
      if (on.delete(listener)) listeners--
      removeEventListener.call(signal, type, listener)
    }
    return { controller, signal, listeners: () => listeners }
  }

  for (const [kind, wrap] of kinds) {
    scenario(`aborted before: ABORTED with the reason, nothing is asked, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({}, wrap)
        const { signal, controller, listeners } = counted()
        const reason = { why: "changed my mind" }
        controller.abort(reason)
        const origin = new Origin()
        for (const ask of [cache.getOrSet, cache.refresh]) {
          const error = yield* Effect.flip(ask("k", origin.gives(), { signal }))
          assert.strictEqual(error._tag, "ABORTED")
          assert.strictEqual(error.cause, reason)
          assert.deepStrictEqual(error.context, { key: "k", phase: "wait", adapter: "memory" })
        }
        assert.deepStrictEqual(process.verbs, [])
        assert.deepStrictEqual([origin.calls, listeners()], [0, 0])
      })
    )

    scenario(`aborted in mid-wait: the caller is answered at once, the others wait on, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const { signal, controller, listeners } = counted()
        const origin = new Origin()
        const leaver = yield* begin(Effect.flip(cache.getOrSet("k", origin.gives(1000), { signal })))
        const stayer = yield* begin(cache.getOrSet("k", origin.gives(1000)))
        yield* advance(100)
        assert.isTrue(waits(leaver))
        controller.abort("enough")
        yield* flush
        assert.isFalse(waits(leaver))
        assert.deepInclude(yield* Fiber.join(leaver), { _tag: "ABORTED", cause: "enough" })
        assert.strictEqual(listeners(), 0)
        yield* advance(1000)
        assert.deepInclude(yield* Fiber.join(stayer), { value: "v1" })
        assert.strictEqual(origin.interrupted, 0)
      })
    )

    scenario(`of the last caller ends the load and frees the lease, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const controller = new AbortController()
        const origin = new Origin()
        const caller = yield* begin(Effect.flip(cache.getOrSet("k", origin.gives(1000), { signal: controller.signal })))
        yield* advance(100)
        controller.abort()
        yield* advance(20)
        assert.strictEqual((yield* Fiber.join(caller))._tag, "ABORTED")
        assert.strictEqual(origin.interrupted, 1)
        assert.isUndefined((yield* world.store.read("k")).lease)
      })
    )
  }

  scenario("leaves no listener, however the call ends", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache(
        { cacheTtl: 1000, staleWhileRevalidate: 1000, waitMax: 300, cooldown: 0 },
        remote
      )
      const { signal, listeners } = counted()
      const origin = new Origin()
      const ask = (key: string, fetcher: any, options = {}) =>
        Effect.flatMap(begin(Effect.exit(cache.getOrSet<any, any>(key, fetcher, { signal, ...options }))), (caller) =>
          Effect.andThen(advance(10), Effect.succeed(caller))
        )
      // Miss, hit, stale, failure, defect.
      yield* ask("k", origin.gives(5))
      yield* ask("k", origin.gives(5))
      yield* advance(1200)
      yield* ask("k", origin.gives(5))
      yield* ask("broken", origin.breaks(5))
      yield* ask("bug", () => Effect.die("bug"))
      assert.strictEqual(listeners(), 0)
      // Followed, timed out, fallen back, interrupted.
      yield* world.crash("f", 60_000)
      yield* ask("f", origin.gives(5))
      yield* ask("f", origin.gives(5), { onWaitTimeout: "fail" })
      const third = yield* ask("f", origin.gives(5))
      assert.strictEqual(listeners(), 1)
      yield* Fiber.interrupt(third)
      assert.strictEqual(listeners(), 1)
      yield* advance(400)
      assert.strictEqual(listeners(), 0)
      const many = yield* Effect.forEach(Array.from({ length: 100 }), () => ask("k2", origin.gives(2000)))
      assert.strictEqual(listeners(), 1)
      yield* advance(2000)
      yield* joinAll(many)
      assert.strictEqual(listeners(), 0)
    })
  )

  scenario("has one listener for all callers: those who wait are told, those who left are not", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      const { signal, controller, listeners } = counted()
      const origin = new Origin()
      const ask = (key: string) => begin(Effect.exit(cache.getOrSet(key, origin.gives(1000), { signal })))
      const left = yield* ask("k")
      const answered = yield* ask("early")
      const waiting = yield* Effect.forEach(Array.from({ length: 100 }), (_, i) => ask(i % 2 === 0 ? "k" : `k${i}`))
      yield* Fiber.interrupt(left)
      yield* cache.set("early", "set")
      yield* advance(1000)
      const later = yield* Effect.forEach(Array.from({ length: 100 }), (_, i) => ask(`later${i}`))
      assert.isFalse(waits(answered))
      assert.isFalse(waiting.some(waits))
      assert.strictEqual(listeners(), 1)
      controller.abort("enough")
      yield* flush
      for (const caller of later) {
        const exit = yield* Fiber.join(caller)
        assert.deepInclude(Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit, { _tag: "ABORTED", cause: "enough" })
      }
      for (const caller of waiting) assert.isTrue(Exit.isSuccess(yield* Fiber.join(caller)))
      assert.strictEqual(listeners(), 0)
      assert.strictEqual((yield* Effect.flip(cache.getOrSet("k", origin.gives(), { signal })))._tag, "ABORTED")
      assert.strictEqual(listeners(), 0)
    })
  )

  scenario("that fires during onFollowerWait of one caller is heard by all, and by nobody twice", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 10_000)
      const { cache } = yield* world.cache({}, remote)
      const { signal, controller, listeners } = counted()
      const hooks = { onFollowerWait: () => Effect.delay(Effect.void, 500) }
      const ask = (options = {}) =>
        begin(Effect.flip(cache.getOrSet("k", () => Effect.succeed("v"), { signal, ...options })))
      const held = yield* ask({ hooks })
      const plain = yield* ask()
      controller.abort("enough")
      yield* flush
      assert.deepStrictEqual([waits(held), waits(plain)], [true, false])
      yield* advance(500)
      assert.deepInclude(yield* Fiber.join(held), { _tag: "ABORTED", cause: "enough" })
      assert.strictEqual(listeners(), 0)
    })
  )

  scenario("that fires after the answer changes nothing", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const controller = new AbortController()
      const { value } = yield* cache.getOrSet("k", () => Effect.succeed("v"), { signal: controller.signal })
      controller.abort()
      yield* flush
      assert.strictEqual(value, "v")
      assert.isTrue(yield* cache.has("k"))
    })
  )

  scenario("that fires during onFollowerWait is not lost", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 10_000)
      const { cache } = yield* world.cache({}, remote)
      const controller = new AbortController()
      const caller = yield* begin(
        Effect.flip(
          cache.getOrSet("k", () => Effect.succeed("v"), {
            signal: controller.signal,
            hooks: { onFollowerWait: () => Effect.sync(() => controller.abort("x")) }
          })
        )
      )
      assert.isFalse(waits(caller))
    })
  )

  scenario("that its own fetcher fires at once is not lost", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const controller = new AbortController()
      const caller = yield* begin(
        Effect.flip(
          cache.getOrSet("k", () => Effect.suspend(() => Effect.as(Effect.sleep(controller.abort("x") ?? 1000), "v")), {
            signal: controller.signal
          })
        )
      )
      assert.isFalse(waits(caller))
      assert.deepInclude(yield* Fiber.join(caller), { _tag: "ABORTED", cause: "x" })
    })
  )

  scenario("during a fallback is prompt, too", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 10_000)
      const { cache } = yield* world.cache({ waitMax: 100 }, remote)
      const { signal, controller, listeners } = counted()
      const origin = new Origin()
      const caller = yield* begin(Effect.flip(cache.getOrSet("k", origin.gives(5000), { signal })))
      yield* advance(200)
      assert.strictEqual(origin.calls, 1)
      controller.abort("x")
      yield* flush
      assert.deepInclude(yield* Fiber.join(caller), { _tag: "ABORTED", cause: "x" })
      assert.deepStrictEqual([origin.interrupted, listeners()], [1, 0])
    })
  )

  scenario("does not hide a fresh value that is here, unless it is aborted", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      yield* cache.set("k", "v")
      const controller = new AbortController()
      const ask = cache.getOrSet("k", () => Effect.succeed("w"), { signal: controller.signal })
      assert.strictEqual((yield* ask).meta.cache, "HIT")
      controller.abort()
      assert.strictEqual((yield* Effect.flip(ask))._tag, "ABORTED")
    })
  )
})

describe("a fetcher that asks for its own key", () => {
  const asks = (cache: Cache.Cache<string>, key: string, then: Effect.Effect<string> = Effect.succeed("end")) =>
    Effect.map(
      cache.getOrSet(key, () => then),
      ({ value }) => value
    )

  for (const [kind, wrap] of kinds) {
    scenario(`directly gets REENTRANT_LOAD, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const error = yield* soon(Effect.flip(cache.getOrSet("k", () => asks(cache, "k"))))
        assert.strictEqual(error._tag, "REENTRANT_LOAD")
        assert.deepStrictEqual(error.context, { key: "k", phase: "fetch", adapter: "memory" })
        yield* advance(200)
        assert.strictEqual((yield* soon(cache.getOrSet("k", () => Effect.succeed("v")))).value, "v")
      })
    )

    scenario(`and can catch that, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const answer = yield* soon(
          cache.getOrSet("k", () => Effect.catchTag(asks(cache, "k"), "REENTRANT_LOAD", () => Effect.succeed("caught")))
        )
        assert.deepInclude(answer, { value: "caught" })
        assert.strictEqual(answer.meta.cache, "MISS-LEADER")
      })
    )

    scenario(`through another key gets it, too, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const told: Array<CacheLockingError> = []
        // The innermost call gets the error: it closes the circle, and can go on without the value.
        const circle = Effect.catch(asks(cache, "a"), (error) => {
          told.push(error)
          return Effect.succeed("inner")
        })
        const caller = yield* begin(cache.getOrSet("a", () => asks(cache, "b", Effect.orDie(asks(cache, "c", circle)))))
        yield* advance(200)
        assert.isFalse(waits(caller), "it waits for itself")
        assert.deepInclude(yield* Fiber.join(caller), { value: "inner" })
        assert.deepStrictEqual(
          told.map((error) => [error._tag, error.context.key]),
          [["REENTRANT_LOAD", "a"]]
        )
      })
    )

    scenario(`across two independent callers, A for B and B for A: one of them gets it, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const ask = (from: string, to: string) =>
          Effect.exit(cache.getOrSet(from, () => Effect.delay(asks(cache, to), 10)))
        const a = yield* begin(ask("a", "b"))
        const b = yield* begin(ask("b", "a"))
        yield* advance(300)
        const told: Array<string> = []
        for (const exit of [ended(a), ended(b)]) {
          if (Exit.isSuccess(exit) && Exit.isFailure(exit.value)) {
            told.push((Cause.squash(exit.value.cause) as CacheLockingError)._tag)
          }
        }
        assert.isAtLeast(told.length, 1)
        assert.isTrue(told.every((tag) => tag === "REENTRANT_LOAD"))
      })
    )
  }

  scenario("through another cache over the same adapter gets it", (world) =>
    Effect.gen(function* () {
      const { adapter } = world.process()
      const one = yield* Cache.make<string>({ adapter })
      const two = yield* Cache.make<string>({ adapter })
      assert.strictEqual((yield* Effect.flip(one.getOrSet("k", () => asks(two, "k"))))._tag, "REENTRANT_LOAD")
    })
  )

  scenario("through a cache over another store gets it", (world) =>
    Effect.gen(function* () {
      const near = yield* world.cache()
      const far = yield* Cache.make<string>({ adapter: MemoryAdapter.make() })
      const circle = Effect.catch(asks(near.cache, "k"), ({ _tag }) => Effect.succeed(_tag))
      const caller = yield* begin(near.cache.getOrSet("k", () => asks(far, "x", circle)))
      yield* advance(100)
      assert.isFalse(waits(caller), "it waits for itself")
      assert.deepInclude(yield* Fiber.join(caller), { value: "REENTRANT_LOAD" })
    })
  )

  scenario("through the one-shot call gets it", (world) =>
    Effect.gen(function* () {
      const { adapter } = world.process()
      const once = (fetcher: () => Effect.Effect<string, any>): Effect.Effect<Answer<string>, any> =>
        Cache.getOrSet({ adapter, key: "k", fetcher })
      const error = yield* Effect.flip(
        once(() =>
          Effect.map(
            once(() => Effect.succeed("x")),
            ({ value }) => value
          )
        )
      )
      assert.strictEqual(error._tag, "REENTRANT_LOAD")
    })
  )

  scenario("from a fiber of its own that it waits for gets it", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const error = yield* Effect.flip(
        cache.getOrSet("k", () => Effect.flatMap(Effect.forkChild(asks(cache, "k")), Fiber.join))
      )
      assert.strictEqual(error._tag, "REENTRANT_LOAD")
    })
  )

  scenario("in a refresh: by refresh gets it; by getOrSet gets the old value, or it where there is none", (world) =>
    Effect.gen(function* () {
      for (const [, wrap] of kinds) {
        const { cache } = yield* world.cache({}, wrap)
        const again = yield* soon(
          Effect.flip(
            cache.refresh("k", () =>
              Effect.map(
                cache.refresh("k", () => Effect.succeed("x")),
                ({ value }) => value
              )
            )
          )
        )
        assert.strictEqual(again._tag, "REENTRANT_LOAD")
        yield* advance(200)
        const none = yield* begin(Effect.flip(cache.refresh("k", () => asks(cache, "k"))))
        yield* advance(200)
        assert.strictEqual((yield* Fiber.join(none))._tag, "REENTRANT_LOAD")
        yield* soon(cache.set("k", "old"))
        const refresh = yield* begin(cache.refresh("k", () => Effect.map(asks(cache, "k"), (old) => `${old} and new`)))
        yield* advance(100)
        assert.strictEqual((yield* Fiber.join(refresh)).value, "old and new")
        yield* soon(cache.delete("k"))
      }
    })
  )

  scenario("in a fallback gets it", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const { cache } = yield* world.cache({ waitMax: 100 }, remote)
      const caller = yield* begin(Effect.flip(cache.getOrSet("k", () => asks(cache, "k"))))
      yield* advance(1000)
      assert.strictEqual((yield* Fiber.join(caller))._tag, "REENTRANT_LOAD")
    })
  )

  scenario("does not get it because of a wait that it gave up", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      // b's load goes on for another caller, and asks for a, whose fetcher no longer waits for b.
      const other = yield* begin(cache.getOrSet("b", () => Effect.delay(Effect.orDie(asks(cache, "a")), 100)))
      const a = yield* begin(
        cache.getOrSet("a", () =>
          Effect.andThen(Effect.timeoutOption(asks(cache, "b"), 50), Effect.as(Effect.sleep(150), "from a"))
        )
      )
      yield* advance(250)
      assert.deepInclude(yield* Fiber.join(a), { value: "from a" })
      assert.deepInclude(yield* Fiber.join(other), { value: "from a" })
    })
  )

  scenario("with other keys nests as deep as it likes, and a shared one is loaded once", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      const origin = new Origin()
      const nested = (depth: number): Effect.Effect<string, any> =>
        depth === 0
          ? Effect.map(cache.getOrSet("shared", origin.gives(10)), ({ value }) => value)
          : Effect.map(
              cache.getOrSet(`k${depth}`, () => nested(depth - 1)),
              ({ value }) => value
            )
      const callers = yield* beginMany(20, (n) => nested(n))
      yield* advance(100)
      assert.isTrue((yield* joinAll(callers)).every((value) => value === "v1"))
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("behind a stale value has that value, and does not wait for itself", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleWhileRevalidate: 60_000 }, remote)
      yield* cache.set("k", "old")
      yield* advance(2000)
      const seen: Array<string> = []
      const { meta } = yield* cache.getOrSet("k", ({ stale }) =>
        Effect.map(Effect.exit(asks(cache, "k")), (exit) => {
          seen.push(`stale ${stale!.value}`, Exit.isSuccess(exit) ? exit.value : "told")
          return "new"
        })
      )
      assert.strictEqual(meta.cache, "STALE")
      yield* flush
      assert.deepStrictEqual(seen[0], "stale old")
      assert.include(["old", "told"], seen[1])
      assert.deepInclude(yield* cache.getOrSet("k", () => Effect.succeed("newer")), { value: "new" })
    })
  )

  scenario("a load that ended refuses nobody: work that its fetcher left running may ask", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000 })
      const late: Array<string> = []
      yield* cache.getOrSet("k", () =>
        Effect.as(
          Effect.forkDetach(
            Effect.delay(
              Effect.map(asks(cache, "k", Effect.succeed("late")), (value) => late.push(value)),
              2000
            )
          ),
          "v"
        )
      )
      yield* advance(2000)
      assert.deepStrictEqual(late, ["late"])
    })
  )
})

describe("stale-while-revalidate", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`the window counts from expiry, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const options = { cacheTtl: 1000, staleWhileRevalidate: 2000 }
        const origin = new Origin()
        const { cache } = yield* world.cache(options, wrap)
        const expected: ReadonlyArray<readonly [at: number, outcome: string]> = [
          [950, "HIT"],
          [1100, "STALE"],
          [2900, "STALE"],
          [3100, "MISS-LEADER"]
        ]
        for (const [at, outcome] of expected) {
          yield* soon(cache.set("k", "old"))
          yield* advance(at - 45)
          const caller = yield* begin(cache.getOrSet("k", origin.gives(5000)))
          yield* advance(45)
          if (outcome === "MISS-LEADER") assert.isTrue(waits(caller), `${at}`)
          else assert.strictEqual((yield* Fiber.join(caller)).meta.cache, outcome, `${at}`)
          yield* advance(6000)
        }
      })
    )
  }

  scenario("at the very moment of expiry the value is stale, and 0 allows nothing", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000 })
      const origin = new Origin()
      for (const [options, outcome] of [
        [{ staleWhileRevalidate: 5000 }, "STALE"],
        [{ staleIfError: 5000 }, "MISS-LEADER"],
        [{}, "MISS-LEADER"]
      ] as const) {
        yield* cache.set("k", "old", options)
        yield* advance(1000)
        assert.strictEqual((yield* cache.getOrSet("k", origin.gives(), options)).meta.cache, outcome)
        yield* flush
      }
    })
  )

  scenario("at the very end of the window the value is gone", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleWhileRevalidate: 2000 })
      yield* cache.set("k", "old")
      yield* advance(3000)
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("new"))).value, "new")
    })
  )

  scenario("a refresh takes no stale value, whatever its windows, but loads", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache(
        { cacheTtl: 1000, staleWhileRevalidate: 60_000, staleIfError: 60_000 },
        remote
      )
      yield* cache.set("k", "old")
      yield* advance(2000)
      const origin = new Origin()
      const refresh = yield* begin(cache.refresh("k", origin.gives(100)))
      assert.isTrue(waits(refresh))
      yield* advance(100)
      assert.deepInclude(yield* Fiber.join(refresh), { value: "v1" })
      yield* advance(2000)
      assert.instanceOf(yield* Effect.flip(cache.refresh("k", origin.breaks())), Broken)
    })
  )

  scenario("each caller's window is its own", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleWhileRevalidate: 10_000 }, remote)
      yield* cache.set("k", "old")
      yield* advance(3000)
      const origin = new Origin()
      const lenient = yield* begin(cache.getOrSet("k", origin.gives(100)))
      const strict = yield* begin(cache.getOrSet("k", origin.gives(100), { staleWhileRevalidate: 1000 }))
      assert.strictEqual((yield* Fiber.join(lenient)).meta.cache, "STALE")
      assert.isTrue(waits(strict))
      yield* advance(100)
      assert.deepInclude(yield* Fiber.join(strict), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("a refresh that fails keeps serving stale within the window, truthfully, and never beyond it", (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache } = yield* world.cache(
        { cacheTtl: 1000, staleWhileRevalidate: 3000, cooldown: 100, cooldownMax: 100, hooks },
        remote
      )
      yield* cache.set("k", "old")
      yield* advance(1001)
      const origin = new Origin()
      for (let age = 1001; age < 4000; age += 333) {
        const { meta, value } = yield* cache.getOrSet("k", origin.breaks(10))
        assert.deepStrictEqual([value, meta.cache, meta.age, meta.staleFor], ["old", "STALE", age, age - 1000])
        yield* advance(333)
      }
      const late = yield* begin(Effect.flip(cache.getOrSet("k", origin.breaks(10))))
      yield* advance(10)
      assert.instanceOf(yield* Fiber.join(late), Broken)
      assert.strictEqual(origin.calls, 11)
      // Nobody waited for them, and they are reported all the same.
      assert.deepStrictEqual(
        errors.map((error) => error._tag),
        Array.from({ length: 10 }, () => "REFRESH_FAILED" as const)
      )
    })
  )

  scenario("a refresh that fails reaches the next caller as meta.error, while the key cools down", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleWhileRevalidate: 9000, cooldown: 1000 }, remote)
      yield* cache.set("k", "old")
      yield* advance(1500)
      const origin = new Origin()
      assert.isUndefined((yield* cache.getOrSet("k", origin.breaks())).meta.error)
      yield* flush
      const { meta } = yield* cache.getOrSet("k", origin.breaks())
      assert.deepInclude(meta.error, { _tag: "Broken", code: 1 })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("the fetcher sees the stale value and its age", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 9000 }, remote)
      yield* cache.set("k", "old")
      yield* advance(2500)
      const { value } = yield* cache.getOrSet("k", ({ key, stale }) =>
        Effect.succeed(`${key} ${stale?.value} ${stale?.age} ${stale?.staleFor}`)
      )
      assert.strictEqual(value, "k old 2500 1500")
      const first = yield* cache.getOrSet("j", ({ stale }) => Effect.succeed(String(stale)))
      assert.strictEqual(first.value, "undefined")
    })
  )

  scenario("one process refreshes, however many serve stale", (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleWhileRevalidate: 10_000 }
      const processes = yield* Effect.all([1, 2, 3, 4].map(() => world.cache(options, remote)))
      yield* processes[0]!.cache.set("k", "old")
      yield* advance(2000)
      const origin = new Origin()
      const callers = yield* beginMany(400, (n) => processes[n % 4]!.cache.getOrSet("k", origin.gives(300)))
      for (const { meta } of yield* joinAll(callers)) assert.strictEqual(meta.cache, "STALE")
      yield* advance(300)
      assert.strictEqual(origin.calls, 1)
      for (const { cache } of processes) {
        assert.deepInclude(yield* cache.getOrSet("k", origin.gives()), { value: "v1" })
      }
    })
  )
})

describe("stale-if-error", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`a load that fails gives the stale value with the error; the wait is the load's, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 5000 }, wrap)
        yield* soon(cache.set("k", "old"))
        yield* advance(1955)
        const origin = new Origin()
        const callers = yield* beginMany(10, () => cache.getOrSet("k", origin.breaks(500)))
        yield* advance(400)
        assert.isTrue(callers.every(waits))
        yield* advance(200)
        const answers = yield* joinAll(callers)
        for (const { meta, value } of answers) {
          assert.strictEqual(value, "old")
          assert.strictEqual(meta.cache, "STALE")
          assert.instanceOf(meta.error, Broken)
          assert.closeTo(meta.age!, 2500, 45)
          assert.closeTo(meta.staleFor!, 1500, 45)
        }
        assert.strictEqual(origin.calls, 1)
      })
    )
  }

  scenario("failures never extend the window", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 2000, cooldown: 0 }, remote)
      yield* cache.set("k", "old")
      const origin = new Origin()
      for (const at of [1500, 2000, 2500, 2990]) {
        yield* advance(at - (yield* millis))
        assert.strictEqual((yield* cache.getOrSet("k", origin.breaks())).meta.cache, "STALE")
      }
      yield* advance(10)
      assert.instanceOf(yield* Effect.flip(cache.getOrSet("k", origin.breaks())), Broken)
    })
  )

  scenario("a load that fails after the window is over gives the failure", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 2000 }, remote)
      yield* cache.set("k", "old")
      yield* advance(2500)
      const caller = yield* begin(Effect.flip(cache.getOrSet("k", new Origin().breaks(600))))
      yield* advance(600)
      assert.instanceOf(yield* Fiber.join(caller), Broken)
    })
  )

  scenario("a defect does not count as an error: the call fails with it", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 5000 }, remote)
      yield* cache.set("k", "old")
      yield* advance(1500)
      const exit = yield* Effect.exit(cache.getOrSet("k", () => Effect.die("bug")))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  scenario("while the key cools down the stale value is served at once, with the failure, in every process", (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleIfError: 5000, cooldown: 1000 }
      const a = yield* world.cache(options, remote)
      const b = yield* world.cache(options, remote)
      yield* a.cache.set("k", "old")
      yield* advance(1500)
      const origin = new Origin()
      yield* a.cache.getOrSet("k", origin.breaks())
      for (const { cache } of [a, b]) {
        const { meta } = yield* cache.getOrSet("k", origin.breaks())
        assert.strictEqual(meta.cache, "STALE")
        assert.deepInclude(meta.error, { _tag: "Broken", code: 1 })
      }
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("a follower of a load that fails elsewhere gets the stale value, too", (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleIfError: 5000, cooldown: 1000 }
      const a = yield* world.cache(options, remote)
      const b = yield* world.cache(options, remote)
      yield* a.cache.set("k", "old")
      yield* advance(1500)
      const origin = new Origin()
      const leader = yield* begin(a.cache.getOrSet("k", origin.breaks(100)))
      const follower = yield* begin(b.cache.getOrSet("k", origin.breaks(100)))
      yield* advance(100)
      for (const { meta } of yield* joinAll([leader, follower])) {
        assert.strictEqual(meta.cache, "STALE")
        assert.deepInclude(meta.error, { _tag: "Broken", code: 1 })
      }
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("with stale-while-revalidate the longer window counts for failures", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({
        cacheTtl: 1000,
        staleWhileRevalidate: 3000,
        staleIfError: 1000,
        cooldown: 0
      })
      yield* cache.set("k", "old")
      yield* advance(3500)
      const { meta } = yield* cache.getOrSet("k", new Origin().breaks())
      assert.strictEqual(meta.cache, "STALE")
    })
  )
})

describe("the soft time-out of a fetcher", () => {
  const options = { cacheTtl: 1000, staleIfError: 60_000, fetchTimeout: { soft: 200 } }

  for (const [kind, wrap] of kinds) {
    scenario(`serves a stale value after it, and the load goes on, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache(options, wrap)
        yield* soon(cache.set("k", "old"))
        yield* advance(1955)
        const origin = new Origin()
        const callers = yield* beginMany(10, () => cache.getOrSet("k", origin.gives(2000)))
        yield* advance(199)
        assert.isTrue(callers.every(waits))
        yield* advance(1)
        for (const { meta, value } of yield* joinAll(callers)) {
          assert.deepStrictEqual([value, meta.cache], ["old", "STALE"])
          assert.closeTo(meta.staleFor!, 1200, 45)
        }
        yield* advance(2000)
        assert.deepStrictEqual([origin.calls, origin.interrupted], [1, 0])
        assert.deepInclude(yield* soon(cache.getOrSet("k", origin.gives())), { value: "v1" })
      })
    )
  }

  scenario("with nothing to serve waits on", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache(options, remote)
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(2000)))
      yield* advance(1999)
      assert.isTrue(waits(caller))
      yield* advance(1)
      assert.strictEqual((yield* Fiber.join(caller)).meta.cache, "MISS-LEADER")
    })
  )

  scenario("is each caller's own, and does not affect quick loads", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 60_000 }, remote)
      yield* cache.set("k", "old")
      yield* advance(2000)
      const origin = new Origin()
      const hasty = yield* begin(cache.getOrSet("k", origin.gives(500), { fetchTimeout: { soft: 100 } }))
      const patient = yield* begin(cache.getOrSet("k", origin.gives(500)))
      yield* advance(100)
      assert.deepStrictEqual([waits(hasty), waits(patient)], [false, true])
      yield* advance(400)
      assert.deepInclude(yield* Fiber.join(patient), { value: "v1" })
      assert.deepInclude(yield* Fiber.join(hasty), { value: "old" })
      yield* advance(1500)
      const quick = yield* begin(cache.getOrSet("k", origin.gives(50), { fetchTimeout: { soft: 100 } }))
      yield* advance(50)
      assert.deepInclude(yield* Fiber.join(quick), { value: "v2" })
    })
  )

  scenario("holds for a follower of another process, too", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache(options, remote)
      yield* cache.set("k", "old")
      yield* advance(2000)
      yield* world.crash("k", 60_000)
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives()))
      yield* advance(200)
      assert.deepInclude(yield* Fiber.join(caller), { value: "old" })
    })
  )
})

describe("sliding", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`each hit makes the value fresh anew, at most until maxAge, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cacheTtl: 1000, sliding: true, maxAge: 3000 }, wrap)
        const origin = new Origin()
        yield* soon(cache.getOrSet("k", origin.gives()))
        for (let i = 0; i < 5; i++) {
          yield* advance(455)
          assert.strictEqual((yield* soon(cache.getOrSet("k", origin.gives()))).meta.cache, "HIT", `${i}`)
        }
        yield* advance(1100)
        assert.strictEqual((yield* soon(cache.getOrSet("k", origin.gives()))).meta.cache, "MISS-LEADER")
        assert.strictEqual(origin.calls, 2)
      })
    )
  }

  scenario("costs a command only when a tenth of the time has passed, and none without the option", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ cacheTtl: 1000, sliding: true }, remote)
      yield* cache.getOrSet("k", () => Effect.succeed("v"))
      for (let i = 0; i < 10; i++) yield* cache.getOrSet("k", () => Effect.succeed("v"))
      yield* flush
      assert.strictEqual(process.count("touch"), 0)
      yield* advance(100)
      for (let i = 0; i < 10; i++) yield* cache.getOrSet("k", () => Effect.succeed("v"))
      yield* flush
      assert.strictEqual(process.count("touch"), 1)
    })
  )

  scenario("a touch that fails fails no caller", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, sliding: true }, (adapter) =>
        faulty(remote(adapter), { touch: () => "fail" })
      )
      yield* cache.getOrSet("k", () => Effect.succeed("v"))
      yield* advance(500)
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("w"))).meta.cache, "HIT")
      yield* flush
      assert.strictEqual(cache.stats().adapterErrors, 1)
    })
  )

  scenario("never undoes a delete or a put meanwhile", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, sliding: true }, (adapter) =>
        faulty(remote(adapter), { touch: () => Effect.sleep(50) })
      )
      yield* cache.getOrSet("k", () => Effect.succeed("v"))
      yield* advance(500)
      yield* cache.getOrSet("k", () => Effect.succeed("v"))
      yield* cache.delete("k")
      yield* advance(50)
      assert.isFalse(yield* cache.has("k"))
    })
  )
})

describe("early refresh", () => {
  /** So eager that every hit refreshes. */
  const eager = { cacheTtl: 1000, earlyRefresh: { beta: 1e9 } }

  for (const [kind, wrap] of kinds) {
    scenario(`loads once behind a fresh value, which everyone is served, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache(eager, wrap)
        const origin = new Origin()
        yield* begin(cache.getOrSet("k", origin.gives(100)))
        yield* advance(600)
        const callers = yield* beginMany(100, () => cache.getOrSet("k", origin.gives(100)))
        yield* advance(45)
        const answers = yield* joinAll(callers)
        assert.isTrue(answers.every(({ meta, value }) => value === "v1" && meta.cache === "HIT"))
        yield* advance(200)
        assert.strictEqual(origin.calls, 2)
        assert.deepInclude(yield* soon(cache.getOrSet("k", origin.gives(100), { earlyRefresh: false })), {
          value: "v2"
        })
      })
    )
  }

  scenario("across processes is one load", (world) =>
    Effect.gen(function* () {
      const processes = yield* Effect.all([1, 2, 3, 4].map(() => world.cache(eager, remote)))
      const origin = new Origin()
      yield* begin(processes[0]!.cache.getOrSet("k", origin.gives(100)))
      yield* advance(600)
      const callers = yield* beginMany(100, (n) => processes[n % 4]!.cache.getOrSet("k", origin.gives(100)))
      assert.isTrue((yield* joinAll(callers)).every(({ meta }) => meta.cache === "HIT"))
      yield* advance(200)
      assert.strictEqual(origin.calls, 2)
    })
  )

  scenario("that fails reaches only onError, and the value stays", (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache } = yield* world.cache({ ...eager, hooks }, remote)
      const origin = new Origin()
      yield* begin(cache.getOrSet("k", origin.gives(100)))
      yield* advance(600)
      assert.strictEqual((yield* cache.getOrSet("k", origin.breaks(10))).meta.cache, "HIT")
      yield* advance(10)
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        ["REFRESH_FAILED"]
      )
      assert.deepInclude(yield* cache.getOrSet("k", origin.gives(), { earlyRefresh: false }), { value: "v1" })
    })
  )

  scenario("is never wanted of a value that took no time, or never expires", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ earlyRefresh: { beta: 1e9 } }, remote)
      const origin = new Origin()
      yield* cache.getOrSet("quick", origin.gives(), { cacheTtl: 1000 })
      yield* begin(cache.getOrSet("forever", origin.gives(100)))
      yield* advance(100)
      for (const key of ["quick", "forever"]) yield* cache.getOrSet(key, origin.gives(), { cacheTtl: 1000 })
      yield* advance(100)
      assert.strictEqual(origin.calls, 2)
    })
  )
})

describe("refreshConcurrency", () => {
  scenario("30 keys that become stale at once are refreshed within a window of ten loads, and nobody waits", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 60_000, staleWhileRevalidate: 1000 }, remote)
      const keys = Array.from({ length: 30 }, (_, n) => `k${n}`)
      for (const key of keys) yield* cache.set(key, "old", { cacheTtl: 100 })
      yield* advance(110)
      const origin = new Origin()
      for (let waited = 0; waited <= 1200; waited += 100) {
        for (const key of keys) {
          const answer = yield* begin(cache.getOrSet(key, origin.gives(100)))
          assert.isFalse(waits(answer), `the caller of ${key} waits after ${waited} ms`)
        }
        yield* advance(100)
      }
      assert.strictEqual(origin.calls, 30)
      const { refreshesLate, refreshesQueued } = cache.stats()
      assert.deepStrictEqual({ refreshesLate, refreshesQueued }, { refreshesLate: 0, refreshesQueued: 14 })
    })
  )

  scenario("loads that wait for their turn are counted, and so are those for which it comes too late", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ staleWhileRevalidate: 1000, refreshConcurrency: 1 }, remote)
      const keys = Array.from({ length: 5 }, (_, n) => `k${n}`)
      for (const key of keys) yield* cache.set(key, "old", { cacheTtl: 100 })
      yield* advance(110)
      const origin = new Origin()
      for (const key of keys) yield* cache.getOrSet(key, origin.gives(400))
      const counts = () => {
        const { refreshesLate, refreshesQueued } = cache.stats()
        return [refreshesQueued, refreshesLate]
      }
      assert.deepStrictEqual(counts(), [0, 0])
      yield* advance(850)
      assert.deepStrictEqual(counts(), [2, 0])
      yield* advance(1200)
      assert.deepStrictEqual(counts(), [4, 2])
      assert.strictEqual(origin.calls, 5)
    })
  )

  scenario(
    "is the number of loads behind stale values that run at a time; the others run in their turn, and all in the end",
    (world) =>
      Effect.gen(function* () {
        for (const [refreshConcurrency, most] of [
          [undefined, 16],
          [3, 3],
          [1, 1]
        ] as const) {
          const { cache } = yield* world.cache({ staleWhileRevalidate: 60_000, refreshConcurrency }, remote)
          const keys = Array.from({ length: 20 }, (_, n) => `k${n}`)
          for (const key of keys) yield* cache.set(key, "old", { cacheTtl: 1000 })
          yield* advance(2000)
          const origin = new Origin()
          for (const key of keys) {
            assert.strictEqual((yield* cache.getOrSet(key, origin.gives(100))).meta.cache, "STALE")
          }
          yield* advance(2100)
          assert.deepStrictEqual([origin.calls, origin.most], [20, most])
          for (const key of keys) assert.strictEqual((yield* cache.getOrSet(key, origin.gives())).meta.cache, "HIT")
          for (const key of keys) yield* cache.delete(key)
        }
      })
  )

  scenario(
    "5,000 stale keys at once leave one load, one lease and its fibers, and are all refreshed in the end",
    (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ staleWhileRevalidate: 600_000, refreshConcurrency: 1 }, remote)
        const keys = Array.from({ length: 5_000 }, (_, n) => `k${n}`)
        for (const key of keys) yield* cache.set(key, "old", { cacheTtl: 1000 })
        yield* advance(2000)
        const origin = new Origin()
        // Effect's own gauge, which its description is part of.
        const gauge = Metric.gauge("child_fibers_active", { description: "The current count of active child fibers" })
        const fibers = Effect.map(Metric.value(gauge), ({ value }) => value)
        yield* Effect.gen(function* () {
          const own = yield* Effect.forkChild(Effect.sleep(1))
          yield* Effect.yieldNow
          const before = yield* fibers
          assert.isAbove(before, 0)
          yield* Fiber.interrupt(own)
          const answers = yield* Effect.forEach(keys, (key) => cache.getOrSet(key, origin.gives(10)), {
            concurrency: "unbounded"
          })
          assert.isTrue(answers.every(({ meta }) => meta.cache === "STALE"))
          yield* flush
          const held = yield* Effect.filter(keys, (key) =>
            Effect.map(cache.explain(key), ({ holder }) => holder !== undefined)
          )
          assert.strictEqual(held.length, 1)
          assert.isAtMost((yield* fibers) - before, 5)
        }).pipe(Metric.enableRuntimeMetrics)
        yield* advance(60_000)
        assert.deepStrictEqual([origin.calls, origin.most], [5_000, 1])
      })
  )

  scenario("a load with a waiter needs no slot", (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleWhileRevalidate: 60_000, refreshConcurrency: 1 }
      const { cache } = yield* world.cache(options, remote)
      yield* cache.set("slow", "old")
      yield* cache.set("k", "old")
      yield* advance(2000)
      const origin = new Origin()
      yield* cache.getOrSet("slow", origin.gives(60_000))
      yield* cache.getOrSet("k", origin.gives(10))
      const waiting = yield* begin(cache.getOrSet("k", origin.gives(10), { staleWhileRevalidate: 0 }))
      yield* advance(10)
      assert.isFalse(waits(waiting))
      const other = yield* begin(cache.getOrSet("new", origin.gives(10)))
      yield* advance(10)
      assert.isFalse(waits(other))
      yield* advance(60_000)
    })
  )

  scenario("one that fails, dies or interrupts itself gives its slot to the next", (world) =>
    Effect.gen(function* () {
      const options = { cacheTtl: 1000, staleWhileRevalidate: 60_000, refreshConcurrency: 1 }
      const { cache } = yield* world.cache(options, remote)
      for (const key of ["a", "b", "c", "d"]) yield* cache.set(key, "old")
      yield* advance(2000)
      const origin = new Origin()
      yield* cache.getOrSet("a", origin.breaks(10))
      yield* cache.getOrSet(
        "b",
        origin.load(10, () => Effect.die("bug"))
      )
      yield* cache.getOrSet(
        "c",
        origin.load(10, () => Effect.interrupt)
      )
      yield* cache.getOrSet("d", origin.gives(10))
      yield* advance(100)
      assert.strictEqual(origin.calls, 4)
      assert.deepInclude(yield* cache.getOrSet("d", origin.gives()), { value: "v4" })
    })
  )
})

describe("keys", () => {
  scenario("over the limit are refused before anything is asked, and never shown whole", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) => ({
        ...remote(adapter),
        limits: { ...adapter.limits, keyBytes: 100 }
      }))
      const key = "é".repeat(51)
      for (const ask of [
        cache.getOrSet(key, () => Effect.succeed("v")),
        cache.refresh(key, () => Effect.succeed("v")),
        cache.get(key),
        cache.has(key),
        cache.set(key, "v"),
        cache.delete(key),
        cache.explain(key)
      ] as ReadonlyArray<Effect.Effect<unknown, CacheLockingError>>) {
        const error = yield* Effect.flip(ask)
        assert.deepInclude(error, { _tag: "INVALID_OPTION", option: "key" })
        assert.include(error.message, "at most 100 bytes")
        assert.strictEqual(error.context.phase, "options")
      }
      assert.deepStrictEqual(process.verbs, [])
      assert.strictEqual((yield* cache.getOrSet("é".repeat(50), () => Effect.succeed("v"))).value, "v")
    })
  )

  scenario("may be any text", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      const keys = [" ", "\0", "__proto__", "constructor", "lease:x", "x", "日本", "🎉", "a\nb", "x".repeat(10_000)]
      for (const key of keys) yield* cache.getOrSet(key, () => Effect.succeed(`of ${key}`))
      for (const key of keys)
        assert.strictEqual((yield* cache.getOrSet(key, () => Effect.die("no"))).value, `of ${key}`)
    })
  )
})

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)

it("the hooks' contexts are typed", () => {
  const hooks: Hooks<string> = {
    onHit: (_: string, context: HookContext) => Effect.succeed(context.cached),
    onFollowerWait: (context: WaitHookContext) => Effect.succeed(context.waitMax)
  }
  assert.isDefined(hooks)
})

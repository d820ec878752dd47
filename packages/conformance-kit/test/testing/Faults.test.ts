import type { Adapter, AdapterError } from "@cache-locking/core"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { type Call, losingReplies, scripted, withFaults } from "../../src/testing/Faults.ts"
import { Backend } from "../fixtures/EntryAdapter.ts"

const value = { bytes: Uint8Array.of(1) }
const put = (adapter: Adapter) => adapter.put("k", { value, lifetime: { fresh: 60_000, stale: 0 } })

const there = (adapter: Adapter) => Effect.map(adapter.read("k"), ({ value }) => value !== undefined)

describe("Faults", () => {
  it.effect("a lost request never happens, a lost reply does; both are Unavailable", () =>
    Effect.gen(function* () {
      const good = new Backend().peer()
      const { adapter, next } = scripted(good)
      next("put", "lose-request", "lose-reply")
      const errors: Array<AdapterError> = []
      for (const happened of [false, true]) {
        errors.push(yield* Effect.flip(put(adapter)))
        assert.strictEqual(yield* there(good), happened)
      }
      for (const error of errors) assert.deepInclude(error, { operation: "put", key: "k", reason: "Unavailable" })
      yield* put(adapter)
    })
  )

  it.effect("a copy happens too, and the caller gets the first answer", () =>
    Effect.gen(function* () {
      const good = new Backend().peer()
      const { adapter, next } = scripted(good)
      yield* put(good)
      next("delete", "duplicate")
      assert.isTrue(yield* adapter.delete("k"))
    })
  )

  it.effect("a late copy happens in the background", () =>
    Effect.gen(function* () {
      const good = new Backend().peer()
      const { adapter, next } = scripted(good)
      next("delete", { duplicateAfter: 100 })
      assert.isFalse(yield* adapter.delete("k"))
      yield* put(good)
      yield* TestClock.adjust(99)
      assert.isTrue(yield* there(good))
      yield* TestClock.adjust(1)
      assert.isFalse(yield* there(good))
    })
  )

  it.effect("a delayed request happens late, a delayed reply only comes late", () =>
    Effect.gen(function* () {
      const good = new Backend().peer()
      const { adapter, next } = scripted(good)
      next("put", { delayReply: 100 })
      const told = yield* Effect.forkChild(put(adapter))
      yield* TestClock.adjust(0)
      assert.isTrue(yield* there(good))
      assert.isUndefined(told.pollUnsafe())
      yield* TestClock.adjust(100)
      yield* Fiber.join(told)

      next("delete", { delayRequest: 100 })
      const deleted = yield* Effect.forkChild(adapter.delete("k"))
      yield* TestClock.adjust(99)
      assert.isTrue(yield* there(good))
      yield* TestClock.adjust(1)
      assert.isTrue(yield* Fiber.join(deleted))
    })
  )

  it.effect("every verb goes through it, and is counted by itself", () =>
    Effect.gen(function* () {
      const calls: Array<Call> = []
      const adapter = withFaults(new Backend().peer(), (call) => {
        calls.push(call)
        return undefined
      })
      yield* adapter.read("a")
      yield* adapter.read("b")
      yield* adapter.acquireMany!(["a"], { owner: "o", leaseFor: 1 })
      yield* adapter.deleteMany!(["a"])
      yield* Effect.scoped(adapter.watch!("a"))
      yield* adapter.touch("a", { freshFor: 1 })
      yield* Effect.scoped(adapter.changes!({ changed: () => {}, lost: () => {}, restored: () => {} }))
      assert.deepStrictEqual(
        calls.map(({ earlier, key, operation }) => [operation, key, earlier]),
        [
          ["read", "a", 0],
          ["read", "b", 1],
          ["acquireMany", undefined, 0],
          ["deleteMany", undefined, 0],
          ["watch", "a", 0],
          ["touch", "a", 0],
          ["changes", undefined, 0]
        ]
      )
    })
  )

  it.effect("loses as many replies as given", () =>
    Effect.gen(function* () {
      let turn = 0
      const adapter = losingReplies(new Backend().peer(), 50, () => (turn++ % 2 === 0 ? 0.4 : 0.6))
      yield* Effect.flip(adapter.read("k"))
      yield* adapter.read("k")
    })
  )

  it("lacks the members that the adapter lacks", () => {
    const { acquireMany: _, changes: _c, deleteMany: _d, watch: _w, ...least } = new Backend().peer()
    const adapter = withFaults(least, () => undefined)
    assert.deepStrictEqual(
      [adapter.watch, adapter.changes, adapter.acquireMany, adapter.deleteMany],
      Array(4).fill(undefined)
    )
  })
})

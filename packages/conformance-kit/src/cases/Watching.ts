/** Law 8: the verb that changes a key wakes its watchers, and none misses a change. */
import type { Adapter, AdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { prove as proveAny, type Steps } from "../world/Case.ts"
import { holds, same } from "../world/Expect.ts"
import { Violation } from "../world/Verdict.ts"
import { value, type World } from "../world/World.ts"

const prove = (name: string, steps: Steps) => proveAny("8", name, steps, { needs: "watch" })

/** Only a watch that never wakes waits this long. */
const patience = 5_000

/** Completes when the watcher is woken; a violation when it never is. */
const woken = (waiting: Effect.Effect<void, AdapterError>, by: string): Effect.Effect<void, AdapterError> =>
  Effect.timeoutOrElse(waiting, {
    duration: patience,
    orElse: () => Effect.die(new Violation(`not woken by ${by} within ${patience} ms`))
  })

/** A live subscription, and its end. */
const watching = Effect.fnUntraced(function* (peer: Adapter, key: string) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const waiting = yield* Scope.provide(peer.watch!(key), scope)
  return { waiting, unsubscribe: Scope.close(scope, Exit.void) }
})

type Change = readonly [
  name: string,
  prepare: (w: World) => Effect.Effect<Effect.Effect<unknown, AdapterError>, AdapterError>
]

/** Each verb that wakes: the steps before the watch, and the change itself. */
const changes: ReadonlyArray<Change> = [
  [
    "a fill",
    (w) => Effect.map(w.lead(w.here), (token) => w.here.fill(w.key, { token, value: value("v"), lifetime: w.longLife }))
  ],
  ["an abandon", (w) => Effect.map(w.lead(w.here), (token) => w.here.abandon(w.key, { token }))],
  [
    "an abandon with a cooldown",
    (w) => Effect.map(w.lead(w.here), (token) => w.here.abandon(w.key, { token, cooldown: w.time.long }))
  ],
  ["a put", (w) => Effect.map(w.lead(w.here), () => w.here.put(w.key, { value: value("v"), lifetime: w.longLife }))],
  [
    "a fill without a value",
    (w) =>
      Effect.map(
        Effect.andThen(w.filled(w.here, value("v")), w.lead(w.here, w.key, { refreshWithin: Infinity })),
        (token) => w.here.fill(w.key, { token, lifetime: w.longLife })
      )
  ],
  ["a delete under a lease", (w) => Effect.map(w.lead(w.here), () => w.here.delete(w.key))],
  ["a delete of a value", (w) => Effect.map(w.filled(w.here, value("v")), () => w.here.delete(w.key))]
]

export const watchingCases = [
  ...changes.map(([name, prepare]) =>
    prove(`${name} wakes the other peer`, function* (w) {
      const change = yield* prepare(w)
      const { waiting } = yield* watching(w.there, w.key)
      const fiber = yield* Effect.forkChild(woken(waiting, name))
      yield* w.time.sleep(w.time.unit)
      yield* change
      yield* Fiber.join(fiber)
    })
  ),

  ...changes.slice(0, 5).map(([name, prepare]) =>
    prove(`${name} wakes a watcher on the same peer`, function* (w) {
      const change = yield* prepare(w)
      const { waiting } = yield* watching(w.here, w.key)
      const fiber = yield* Effect.forkChild(woken(waiting, name))
      yield* w.time.sleep(w.time.unit)
      yield* change
      yield* Fiber.join(fiber)
    })
  ),

  prove("a change right after the subscription is never missed, thirty times", function* (w) {
    for (let round = 1; round <= 30; round++) {
      const key = w.name()
      const token = yield* w.lead(w.here, key)
      const { unsubscribe, waiting } = yield* watching(w.there, key)
      yield* w.fill(w.here, token, value("v"), w.longLife, key)
      yield* woken(waiting, `the fill of round ${round}`)
      yield* unsubscribe
    }
  }),

  prove("a change before anybody waits is not missed either", function* (w) {
    const token = yield* w.lead(w.here)
    const { waiting } = yield* watching(w.there, w.key)
    yield* w.fill(w.here, token, value("v"))
    yield* w.time.sleep(w.time.units(3))
    yield* woken(waiting, "a fill some time before the wait")
  }),

  prove("a woken watcher that asks finds what woke it", function* (w) {
    for (let round = 0; round < 10; round++) {
      const key = w.name()
      const token = yield* w.lead(w.here, key)
      const { unsubscribe, waiting } = yield* watching(w.there, key)
      const fiber = yield* Effect.forkChild(Effect.andThen(woken(waiting, "a fill"), w.ask(w.there, key)))
      yield* w.fill(w.here, token, value("v"), w.longLife, key)
      same((yield* Fiber.join(fiber))._tag, "Hit", "what a woken watcher finds")
      yield* unsubscribe
    }
  }),

  prove("many watchers on one key are all woken", function* (w) {
    const token = yield* w.lead(w.here)
    const all = yield* Effect.forEach([w.there, w.there, w.there, w.here, w.here], (peer) => watching(peer, w.key))
    const fibers = yield* Effect.forEach(all, ({ waiting }) => Effect.forkChild(woken(waiting, "a fill")))
    yield* w.fill(w.here, token, value("v"))
    yield* Fiber.joinAll(fibers)
  }),

  prove("a watcher that leaves does not end the others", function* (w) {
    const token = yield* w.lead(w.here)
    const leaving = yield* watching(w.there, w.key)
    const staying = yield* watching(w.there, w.key)
    const fiber = yield* Effect.forkChild(woken(staying.waiting, "a fill, after another left"))
    const left = yield* Effect.forkChild(leaving.waiting)
    yield* w.time.sleep(w.time.unit)
    yield* Fiber.interrupt(left)
    yield* leaving.unsubscribe
    yield* w.time.sleep(w.time.unit)
    yield* w.fill(w.here, token, value("v"))
    yield* Fiber.join(fiber)
  }),

  prove("a key can be watched again after the last watcher left", function* (w) {
    for (let round = 1; round <= 5; round++) {
      const { unsubscribe, waiting } = yield* watching(w.there, w.key)
      const token = yield* w.lead(w.here, w.key, { force: true })
      yield* w.fill(w.here, token, value("v"))
      yield* woken(waiting, `the fill of round ${round}`)
      yield* unsubscribe
    }
  }),

  prove("a watcher that subscribes while another leaves is woken", function* (w) {
    for (let round = 1; round <= 10; round++) {
      const key = w.name()
      const token = yield* w.lead(w.here, key)
      const leaving = yield* watching(w.there, key)
      const [staying] = yield* Effect.all([watching(w.there, key), leaving.unsubscribe], { concurrency: "unbounded" })
      yield* w.fill(w.here, token, value("v"), w.longLife, key)
      yield* woken(staying.waiting, `the fill of round ${round}`)
      yield* staying.unsubscribe
    }
  }),

  prove("watchers of odd keys are woken, each by its own", function* (w) {
    const name = w.name()
    const odd = [
      `${name} a`,
      `${name}{x}`,
      `{x}${name}`,
      `${name}*`,
      `${name}'"`,
      `${name}漢🙂`,
      `${name}:a`,
      `a:${name}`,
      name
    ]
    const all = yield* Effect.forEach(odd, (key) =>
      Effect.gen(function* () {
        const token = yield* w.lead(w.here, key)
        const { waiting } = yield* watching(w.there, key)
        return { key, token, waiting }
      })
    )
    for (const { key, token, waiting } of all) {
      yield* w.fill(w.here, token, value("v"), w.longLife, key)
      yield* woken(waiting, `the fill of ${JSON.stringify(key)}`)
    }
  }),

  prove("fifty watchers on as many keys are all woken", function* (w) {
    const all = yield* Effect.forEach(
      Array.from({ length: 50 }, () => w.name()),
      (key) => Effect.map(watching(w.there, key), ({ waiting }) => ({ key, waiting })),
      { concurrency: 10 }
    )
    const fibers = yield* Effect.forEach(all, ({ key, waiting }) =>
      Effect.forkChild(woken(waiting, `the put of ${key}`))
    )
    yield* Effect.forEach(all, ({ key }) => w.here.put(key, { value: value("v"), lifetime: w.longLife }), {
      concurrency: 10
    })
    yield* Fiber.joinAll(fibers)
  }),

  prove("a touch wakes nobody", function* (w) {
    yield* w.filled(w.here, value("v"))
    const { waiting } = yield* watching(w.there, w.key)
    const own = yield* watching(w.here, w.key)
    const fibers = yield* Effect.forEach([waiting, own.waiting], (one) => Effect.forkChild(one))
    yield* w.time.sleep(w.time.unit)
    for (const freshFor of [2 * w.time.long, w.time.long / 2]) {
      same(yield* w.here.touch(w.key, { freshFor }), true, "touching")
      yield* w.time.sleep(w.time.units(3))
      for (const fiber of fibers) holds(fiber.pollUnsafe() === undefined, "a touch woke a watcher")
    }
    yield* w.here.delete(w.key)
    for (const fiber of fibers) yield* woken(Fiber.join(fiber), "a delete, after touches")
  }),

  prove("a verb with a lost token changes nothing for a woken watcher", function* (w) {
    const leaseFor = w.time.units(2)
    const token = yield* w.lead(w.here, w.key, { leaseFor })
    yield* w.time.past(leaseFor)
    const next = yield* w.lead(w.there)
    const { waiting } = yield* watching(w.there, w.key)
    same(yield* w.here.fill(w.key, { token, value: value("late"), lifetime: w.longLife }), false, "the late fill")
    // A needless wake-up is allowed. The state that is found must still be the next leader's.
    same((yield* w.ask(w.here))._tag, "Follower", "what is found after the late fill")
    const again = yield* watching(w.there, w.key)
    yield* w.fill(w.there, next, value("v"))
    yield* woken(waiting, "the next leader's fill")
    yield* woken(again.waiting, "the next leader's fill")
    holds(true, "woken")
  })
]

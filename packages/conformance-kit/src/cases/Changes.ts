/** Law 16: `changes`, where the backend can push the changes of all keys. */
import { type Adapter, type AdapterError, Token } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { prove as proveAny, type Steps } from "../world/Case.ts"
import { holds, same } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { NotApplicable, Violation } from "../world/Verdict.ts"
import { value, type World } from "../world/World.ts"

const prove = (name: string, steps: Steps, options: { readonly alone?: true } = {}) =>
  proveAny("16", name, steps, { needs: "changes", ...options })

/** Only a change that is never reported waits this long. */
const patience = 5_000

/** A live subscription, its reports, and its end. */
const listening = Effect.fnUntraced(function* (peer: Adapter) {
  const told: Array<string> = []
  const interruptions = { lost: 0, restored: 0 }
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const listener = {
    changed: (key: string) => void told.push(key),
    lost: () => void interruptions.lost++,
    restored: () => void interruptions.restored++
  }
  yield* Scope.provide(peer.changes!(listener), scope)
  return { told, interruptions, unsubscribe: Scope.close(scope, Exit.void) }
})

/** Waits for a condition, on any machine, however loaded. */
const until = Effect.fnUntraced(function* (condition: () => boolean, what: () => string, within = patience) {
  const start = now()
  while (!condition()) {
    if (now() - start > within) throw new Violation(`${what()} within ${within} ms`)
    yield* Effect.sleep(2)
  }
})

const hears = (told: ReadonlyArray<string>, key: string, of: string) =>
  until(
    () => told.includes(key),
    () => `no report of ${of}`
  )

type Change = readonly [
  name: string,
  prepare: (w: World, peer: Adapter) => Effect.Effect<Effect.Effect<unknown, AdapterError>, AdapterError>
]

/** Each verb that changes a value: the steps before the subscription, and the change itself. */
const changes: ReadonlyArray<Change> = [
  ["a fill", (w, peer) => Effect.map(w.lead(peer), (token) => w.fill(peer, token, value("v")))],
  [
    "a fill without a value",
    (w, peer) =>
      Effect.map(
        Effect.andThen(w.filled(peer, value("v")), w.lead(peer, w.key, { refreshWithin: Infinity })),
        (token) => w.refill(peer, token)
      )
  ],
  ["a put", (w, peer) => Effect.succeed(peer.put(w.key, { value: value("v"), lifetime: w.longLife }))],
  [
    "a put over a value",
    (w, peer) => Effect.as(w.filled(peer, value("v")), peer.put(w.key, { value: value("w"), lifetime: w.longLife }))
  ],
  ["a delete", (w, peer) => Effect.as(w.filled(peer, value("v")), peer.delete(w.key))]
]

const put = (w: World, peer: Adapter, key: string) => peer.put(key, { value: value("v"), lifetime: w.longLife })

export const changing = [
  ...changes.flatMap(([name, prepare]) => [
    prove(`${name} is reported to the other peer`, function* (w) {
      const change = yield* prepare(w, w.here)
      const { told } = yield* listening(w.there)
      yield* change
      yield* hears(told, w.key, name)
    }),
    prove(`${name} is reported to the peer that did it`, function* (w) {
      const change = yield* prepare(w, w.here)
      const { told } = yield* listening(w.here)
      yield* change
      yield* hears(told, w.key, name)
    })
  ]),

  prove("a delete of many is reported key by key, where there is one", function* (w) {
    if (w.here.deleteMany === undefined) return
    const keys = [w.name(), w.name(), w.name()]
    for (const key of keys) yield* put(w, w.here, key)
    const { told } = yield* listening(w.there)
    yield* w.here.deleteMany(keys)
    for (const key of keys) yield* hears(told, key, `the delete of ${key} among others`)
  }),

  prove("a listener that reads a reported key finds the change", function* (w) {
    for (let round = 0; round < 10; round++) {
      const key = w.name()
      const { told, unsubscribe } = yield* listening(w.there)
      const token = yield* w.lead(w.here, key)
      const heardOf = (change: string) => Effect.andThen(hears(told, key, change), w.there.read(key))
      const fill = w.fill(w.here, token, value("v"), w.longLife, key)
      const [, filled] = yield* Effect.all([fill, heardOf("a fill")], { concurrency: "unbounded" })
      same(filled.value?.bytes, value("v").bytes, "the value read after the report of a fill")
      told.length = 0
      const [, deleted] = yield* Effect.all([w.here.delete(key), heardOf("a delete")], { concurrency: "unbounded" })
      holds(deleted.value === undefined, "a value is read after the report of its delete")
      yield* unsubscribe
    }
  }),

  prove("a change right after the subscription of all is never missed, thirty times", function* (w) {
    for (let round = 1; round <= 30; round++) {
      const key = w.name()
      const { told, unsubscribe } = yield* listening(w.there)
      yield* put(w, w.here, key)
      yield* hears(told, key, `the put of round ${round}`)
      yield* unsubscribe
    }
  }),

  prove("odd keys are reported unchanged", function* (w) {
    const name = w.name()
    const ends = [
      "",
      " a",
      "{x}",
      "}",
      "{",
      "*",
      "?",
      "[a]",
      "'\"",
      "\\",
      "%41",
      "%7D",
      "é",
      "漢🙂",
      ":a",
      ":lease",
      "\u0001",
      "\n"
    ]
    const odd = [...ends.map((end) => name + end), ` ${name}`, `{x}${name}`, `lease:${name}`, `}${name}{`, `%${name}`]
    const { told } = yield* listening(w.there)
    for (const key of odd) yield* put(w, w.here, key)
    for (const key of odd) yield* hears(told, key, `the put of ${JSON.stringify(key)}`)
    const others = told.filter((key) => key.includes(name) && !odd.includes(key))
    same(others, [], "keys that were reported and never changed")
  }),

  prove("none of two hundred changes at once is missed, by any of several listeners", function* (w) {
    const keys = Array.from({ length: 200 }, () => w.name())
    const all = yield* Effect.forEach([w.here, w.there, w.there], listening)
    yield* Effect.forEach(keys, (key, index) => put(w, w.both[index % 2 === 0 ? 0 : 1], key), {
      concurrency: "unbounded"
    })
    for (const { told } of all) {
      const missing = () => keys.filter((key) => !told.includes(key))
      yield* until(
        () => missing().length === 0,
        () => `${missing().length} of 200 changes were not reported`
      )
    }
  }),

  prove("many changes of one key are reported, including the last", function* (w) {
    const { told } = yield* listening(w.there)
    for (let round = 0; round < 20; round++) yield* put(w, w.here, w.key)
    yield* hears(told, w.key, "the first puts")
    yield* w.time.sleep(w.time.units(5))
    told.length = 0
    yield* w.here.delete(w.key)
    yield* hears(told, w.key, "the last change of a key that changed often")
  }),

  prove("a listener that leaves does not end the others", function* (w) {
    const [leaving, staying] = [yield* listening(w.there), yield* listening(w.there)]
    yield* put(w, w.here, w.key)
    yield* hears(leaving.told, w.key, "a put")
    yield* leaving.unsubscribe
    const after = w.name()
    yield* put(w, w.here, after)
    yield* hears(staying.told, after, "a put, after another left")
  }),

  prove("nothing is reported after the scope closed", function* (w) {
    const [leaving, staying] = [yield* listening(w.there), yield* listening(w.there)]
    const before = Array.from({ length: 20 }, () => w.name())
    yield* Effect.forEach(before, (key) => put(w, w.here, key), { concurrency: "unbounded" })
    yield* leaving.unsubscribe
    const count = leaving.told.length
    yield* Effect.forEach([w.name(), w.name(), w.key], (key) => put(w, w.here, key))
    yield* hears(staying.told, w.key, "a put")
    yield* w.time.sleep(w.time.units(3))
    same(leaving.told.length, count, "changes reported, after the scope closed")
    same(leaving.interruptions.lost, 0, "calls of `lost`")
  }),

  prove("changes are reported again after the last listener left", function* (w) {
    for (let round = 1; round <= 5; round++) {
      const { told, unsubscribe } = yield* listening(w.there)
      const key = w.name()
      yield* put(w, w.here, key)
      yield* hears(told, key, `the put of round ${round}`)
      yield* unsubscribe
    }
  }),

  prove("a listener that subscribes while another leaves gets reports", function* (w) {
    for (let round = 1; round <= 10; round++) {
      const leaving = yield* listening(w.there)
      const [staying] = yield* Effect.all([listening(w.there), leaving.unsubscribe], { concurrency: "unbounded" })
      const key = w.name()
      yield* put(w, w.here, key)
      yield* hears(staying.told, key, `the put of round ${round}`)
      yield* staying.unsubscribe
    }
  }),

  prove("a watcher and a listener both get a change, and neither ends the other", function* (w) {
    if (w.there.watch === undefined) return
    const { watch } = w.there
    const listener = yield* listening(w.there)
    yield* Effect.scoped(watch(w.key))
    yield* put(w, w.here, w.key)
    yield* hears(listener.told, w.key, "a put, after a watcher left")
    const waiting = yield* watch(w.key)
    yield* listener.unsubscribe
    yield* put(w, w.here, w.key)
    yield* Effect.timeoutOrElse(waiting, {
      duration: patience,
      orElse: () => Effect.die(new Violation(`not woken by a put within ${patience} ms, after a listener left`))
    })
  }),

  prove("verbs that change no value are not reported", function* (w) {
    yield* w.filled(w.here, value("v"))
    const { told } = yield* listening(w.there)
    // A message from before may still be on its way.
    yield* w.time.sleep(w.time.units(5))
    told.length = 0
    yield* w.here.read(w.key)
    yield* w.ask(w.here)
    same(yield* w.here.touch(w.key, { freshFor: 2 * w.time.long }), true, "touching")
    const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
    same(yield* w.here.renew(w.key, { token, leaseFor: w.time.long }), true, "renewing")
    const lost = { token: Token("never granted"), value: value("w"), lifetime: w.longLife }
    same(yield* w.here.fill(w.key, lost), false, "a fill with a lost token")
    const end = w.name()
    yield* put(w, w.here, end)
    yield* hears(told, end, "a put")
    holds(!told.includes(w.key), "an acquire, a renew, a touch, a read or a lost fill is reported as a change")
  }),

  prove("changes are live again after close, where there is one", function* (w) {
    if (w.here.close === undefined) return
    yield* Effect.scoped(listening(w.here))
    yield* w.here.close
    const { told } = yield* listening(w.here)
    yield* put(w, w.there, w.key)
    yield* hears(told, w.key, "a put, after close")
  }),

  prove(
    "a change made while the backend does not answer is reported, or `lost` is called; later changes are reported again",
    function* (w) {
      if (w.stall === undefined)
        throw new NotApplicable("the setup gives no `stall` to make the backend stop answering")
      const { begin, within } = w.stall
      const { interruptions, told } = yield* listening(w.here)
      const made = yield* Effect.scoped(
        Effect.gen(function* () {
          yield* begin
          const result = yield* Effect.result(put(w, w.there, w.key))
          yield* w.time.sleep(w.time.units(5))
          return Result.isSuccess(result)
        })
      )
      if (made) {
        yield* until(
          () => told.includes(w.key) || interruptions.lost > 0,
          () => "neither a change nor a loss was reported",
          within
        )
      }
      const start = now()
      while (true) {
        const key = w.name()
        const result = yield* Effect.result(put(w, w.there, key))
        yield* Effect.sleep(50)
        if (Result.isSuccess(result) && told.includes(key)) break
        if (now() - start > within) throw new Violation(`no change was reported within ${within} ms after the stall`)
      }
      holds(interruptions.restored >= interruptions.lost, "changes are reported again, and `restored` was not called")
    },
    { alone: true }
  )
]

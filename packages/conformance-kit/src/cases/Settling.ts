/** Law 14: every verb settles, even if the backend does not answer or its caller has left. */
import { type AdapterError, isAdapterError, Token } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { prove } from "../world/Case.ts"
import { follows, hits, holds, same, show } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { Violation } from "../world/Verdict.ts"
import { value, type World } from "../world/World.ts"

const stalling = { needs: "stall", alone: true } as const

/** Every verb, on a key of its own. */
const verbs = (w: World) => {
  const [token, lifetime] = [Token("t"), w.longLife]
  const { here } = w
  const all: ReadonlyArray<readonly [string, Effect.Effect<unknown, AdapterError>]> = [
    ["acquire", w.ask(here, w.name())],
    ["fill", here.fill(w.name(), { token, value: value("v"), lifetime })],
    ["abandon", here.abandon(w.name(), { token })],
    ["renew", here.renew(w.name(), { token, leaseFor: w.time.long })],
    ["delete", here.delete(w.name())],
    ["put", here.put(w.name(), { value: value("v"), lifetime })],
    ["touch", here.touch(w.name(), { freshFor: w.time.long })],
    ["read", here.read(w.name())]
  ]
  return all
}

/** Asks until there is an answer, because reconnecting takes a moment. It never takes longer than this. */
const answered = <A>(verb: Effect.Effect<A, AdapterError>, within: number): Effect.Effect<A, AdapterError> => {
  const start = now()
  const again = (): Effect.Effect<A, AdapterError> =>
    Effect.catch(verb, (error) =>
      error.retryable && now() - start < within ? Effect.andThen(Effect.sleep(50), again()) : Effect.fail(error)
    )
  return again()
}

/** The verb fails as it must when the backend does not answer. */
const unavailable = Effect.fnUntraced(function* (
  name: string,
  verb: Effect.Effect<unknown, AdapterError>,
  within: number
) {
  const result = yield* Effect.timeoutOrElse(Effect.result(verb), {
    duration: within,
    orElse: () => Effect.die(new Violation(`${name} has not settled after ${within} ms`))
  })
  if (Result.isSuccess(result)) throw new Violation(`${name} was answered: ${show(result.success)}`)
  const { failure } = result
  holds(isAdapterError(failure), `${name} failed with something else than an AdapterError`)
  same(failure.reason, "Unavailable", `the reason why ${name} failed (${failure.message})`)
  same(failure.operation, name, `the operation of the error of ${name}`)
})

/** Asks until something is sent, for a second: an adapter that knows its store to be down may ask it now and then only. */
const onceSent = <A>(w: World, verb: Effect.Effect<A, AdapterError>, left = 20): Effect.Effect<A, AdapterError> =>
  Effect.catch(verb, (error) =>
    error.unsent === true && left > 0
      ? Effect.andThen(w.time.sleep(50), onceSent(w, verb, left - 1))
      : Effect.fail(error)
  )

/** Waits until all parts of a store are asked again, so that the cases that follow find it as it was. */
const recovered = (w: World) =>
  Effect.forEach(
    Array.from({ length: 40 }, () => w.name()),
    (key) => onceSent(w, w.here.read(key)),
    { concurrency: "unbounded", discard: true }
  )

export const settling = [
  prove(
    "14",
    "while the backend does not answer, every verb fails as Unavailable in bounded time",
    function* (w) {
      const { begin, within } = w.stall!
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* begin
          yield* Effect.forEach(verbs(w), ([name, verb]) => unavailable(name, verb, within), {
            concurrency: "unbounded"
          })
        })
      )
      yield* recovered(w)
    },
    stalling
  ),

  prove(
    "14",
    "when the backend answers again, so does the adapter",
    function* (w) {
      const { begin, within } = w.stall!
      yield* w.filled(w.here, value("v"))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* begin
          yield* Effect.forEach(verbs(w), ([, verb]) => Effect.result(verb), { concurrency: "unbounded" })
        })
      )
      const found = yield* answered(onceSent(w, w.ask(w.here)), within)
      hits(found, value("v"), "the value from before")
      yield* answered(w.here.delete(w.key), within)
      yield* w.filled(w.here, value("new"))
      hits(yield* answered(w.ask(w.there), within), value("new"), "the other peer")
      yield* recovered(w)
    },
    stalling
  ),

  prove("14", "a caller that leaves in the middle of a verb leaves the adapter as it was", function* (w) {
    for (let round = 0; round < 10; round++) {
      const key = w.name()
      const fibers = yield* Effect.forEach([w.here, w.here, w.there], (peer) => Effect.forkChild(w.ask(peer, key)))
      yield* Effect.yieldNow
      yield* Fiber.interruptAll(fibers)
      yield* w.here.delete(key)
      const token = yield* w.lead(w.here, key, { force: true })
      follows(yield* w.ask(w.there, key), "another, after some callers left")
      yield* w.fill(w.here, token, value("v"), w.longLife, key)
      hits(yield* w.ask(w.there, key), value("v"), "at the end")
    }
  })
]

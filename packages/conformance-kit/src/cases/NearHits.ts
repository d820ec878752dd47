/** `hitUnsafe`, where fresh values can be had without leaving the process. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { prove as proveAny, type Steps } from "../world/Case.ts"
import { lagOf } from "../world/Claims.ts"
import { between, hits, holds, same } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { NotApplicable } from "../world/Verdict.ts"
import { value, type World } from "../world/World.ts"

const prove = (name: string, steps: Steps) => proveAny("near hits", name, steps, { needs: "hitUnsafe" })

const live = Context.get(Context.empty(), Clock.Clock)

/** The caller's clock, so far ahead. */
const clock = (ahead = 0) => ({
  monotonicTimeNanosUnsafe: () => live.monotonicTimeNanosUnsafe() + BigInt(Math.round(ahead * 1e6))
})

const near = (peer: World["here"], key: string, ahead = 0) => peer.hitUnsafe!(key, clock(ahead))

/** Waits as long as the author says that a change may take to arrive. */
const settled = (w: World) => w.time.sleep(lagOf(w.claims) ?? 0)

/** A value that the peer has seen, and so may have near. */
const seen = Effect.fnUntraced(function* (w: World, text: string, lifetime = w.longLife) {
  yield* w.filled(w.here, value(text), lifetime)
  for (const peer of w.both) hits(yield* w.ask(peer), value(text), "asking")
})

export const nearHits = [
  prove("a near hit is the value, with true times", function* (w) {
    const fresh = w.time.units(100)
    const start = now()
    yield* seen(w, "v", { fresh, stale: 0 })
    for (const peer of w.both) {
      const hit = near(peer, w.key)
      if (hit === undefined) continue
      same(hit.value.bytes, value("v").bytes, "the value")
      const oldest = now() - start + w.time.tolerance
      if (hit.age !== undefined) between(hit.age, 0, oldest, "age")
      between(hit.freshFor, fresh - oldest, fresh + w.time.tolerance, "freshFor")
    }
  }),

  prove("valueUnsafe answers the value of the near hit, and nothing where there is none", function* (w) {
    const [fresh, expired, missing] = [w.name(), w.name(), w.name()]
    const brief = w.time.units(2)
    yield* w.filled(w.here, value("v"), w.longLife, fresh)
    yield* w.filled(w.here, value("v"), { fresh: brief, stale: w.time.long }, expired)
    for (const peer of w.both) for (const key of [fresh, expired]) yield* w.ask(peer, key)
    yield* w.time.past(brief)
    for (const peer of w.both) {
      holds(peer.valueUnsafe !== undefined, "there is hitUnsafe and no valueUnsafe")
      for (const key of [fresh, expired, missing]) {
        same(peer.valueUnsafe(key, clock())?.bytes, near(peer, key)?.value.bytes, "the value alone")
      }
    }
  }),

  prove("what was never there is no near hit", function* (w) {
    for (const peer of w.both) holds(near(peer, w.key) === undefined, "a near hit of a missing key")
    yield* w.lead(w.here)
    for (const peer of w.both) holds(near(peer, w.key) === undefined, "a near hit of a leased key")
  }),

  prove("an expired value is no near hit, by the caller's clock", function* (w) {
    const fresh = w.time.units(2)
    yield* w.filled(w.here, value("v"), { fresh, stale: w.time.long })
    for (const peer of w.both) yield* w.ask(peer)
    for (const peer of w.both) {
      holds(near(peer, w.key, fresh + w.time.tick) === undefined, "a near hit of a value expired by the clock given")
    }
    yield* w.time.past(fresh)
    for (const peer of w.both) holds(near(peer, w.key) === undefined, "a near hit of an expired value")
  }),

  prove("what the other peer deleted is no near hit", function* (w) {
    yield* seen(w, "v")
    yield* w.there.delete(w.key)
    yield* settled(w)
    for (const peer of w.both) holds(near(peer, w.key) === undefined, "a near hit of a deleted value")
  }),

  prove("a touch is seen by near hits as by read", function* (w) {
    if (lagOf(w.claims) !== 0) throw new NotApplicable("near hits lag, and a touch is not reported")
    yield* seen(w, "v")
    yield* w.there.touch(w.key, { freshFor: 4 * w.time.long })
    for (const peer of w.both) {
      const hit = near(peer, w.key)
      if (hit !== undefined) between(hit.freshFor, 0, 4 * w.time.long + w.time.tolerance, "freshFor after a touch")
    }
    const freshFor = w.time.units(2)
    yield* w.there.touch(w.key, { freshFor })
    yield* w.time.past(freshFor)
    for (const peer of w.both) {
      holds(near(peer, w.key) === undefined, "a near hit of a value that was touched to end")
      holds(peer.valueUnsafe?.(w.key, clock()) === undefined, "a near value that was touched to end")
    }
  }),

  prove("what the other peer replaced is no near hit", function* (w) {
    yield* seen(w, "old")
    yield* w.there.put(w.key, { value: value("put"), lifetime: w.longLife })
    yield* settled(w)
    for (const peer of w.both) {
      const hit = near(peer, w.key)
      if (hit !== undefined) same(hit.value.bytes, value("put").bytes, "a near hit after a put")
    }
    const token = yield* w.lead(w.there, w.key, { force: true })
    yield* w.fill(w.there, token, value("filled"))
    yield* settled(w)
    for (const peer of w.both) {
      const hit = near(peer, w.key)
      if (hit !== undefined) same(hit.value.bytes, value("filled").bytes, "a near hit after a fill")
    }
  })
]

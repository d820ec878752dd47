/** A failed load leaves a cooldown for the others: `abandon` with `cooldown`. */
import type { Value } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { prove } from "../world/Case.ts"
import { between, cools, count, hits, holds, leads, same, staleIs } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { value, type World } from "../world/World.ts"

/** A load that failed. */
const fail = Effect.fnUntraced(function* (w: World, cooldown: number, cause?: Value) {
  const token = yield* w.lead(w.here)
  same(yield* w.here.abandon(w.key, { token, cooldown, cause }), true, "abandoning")
  return token
})

export const cooling = [
  prove("cooldown", "nobody leads in a cooldown, and everyone gets its cause", function* (w) {
    const owner = w.name()
    const token = yield* w.lead(w.here, w.key, { owner })
    yield* w.here.abandon(w.key, { token, cooldown: w.time.long, cause: value("why") })
    for (const peer of w.both) {
      const found = cools(yield* w.ask(peer), "asking in a cooldown")
      same(found.cause?.bytes, value("why").bytes, "the cause")
    }
    cools(yield* w.ask(w.here, w.key, { owner }), "the failed leader asking again")
    same(count(yield* w.race(20), "Cooling"), 20, "of twenty at once, answered with the cooldown")
  }),

  prove("cooldown", "when it is over, exactly one of twenty leads", function* (w) {
    const cooldown = w.time.units(2)
    yield* fail(w, cooldown)
    yield* w.time.past(cooldown)
    same(count(yield* w.race(20), "Leader"), 1, "leaders after the cooldown")
  }),

  prove("cooldown", "it lasts its time", function* (w) {
    const cooldown = w.time.units(5)
    const start = now()
    yield* fail(w, cooldown)
    for (let step = 0; step < 3; step++) {
      yield* w.time.sleep(w.time.unit)
      cools(yield* w.time.inTime(start, cooldown, w.ask(w.there)), "asking in time")
    }
  }),

  prove("cooldown", "it reports its true end", function* (w) {
    const cooldown = w.time.units(100)
    const start = now()
    yield* fail(w, cooldown)
    const failed = now()
    yield* w.time.sleep(w.time.unit)
    const asked = now()
    const { retryIn } = cools(yield* w.time.inTime(start, cooldown, w.ask(w.there)), "asking")
    const { tolerance } = w.time
    between(retryIn, cooldown - (now() - start) - tolerance, cooldown - (asked - failed) + tolerance, "retryIn")
  }),

  prove("cooldown", "without a cooldown, or with one of zero, the next leads at once", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.here.abandon(w.key, { token, cause: value("why") })
    const next = yield* w.lead(w.there)
    yield* w.there.abandon(w.key, { token: next, cooldown: 0, cause: value("why") })
    yield* w.lead(w.here)
  }),

  prove("cooldown", "a cause is kept byte for byte, and a missing one stays missing", function* (w) {
    const every = { bytes: Uint8Array.from({ length: 256 }, (_, byte) => byte) }
    for (const cause of [every, value(""), undefined]) {
      yield* fail(w, w.time.long, cause)
      same(cools(yield* w.ask(w.there), "asking").cause?.bytes, cause?.bytes, "the cause")
      yield* w.there.delete(w.key)
    }
  }),

  prove("cooldown", "an older cause is not reported again", function* (w) {
    const cooldown = w.time.units(2)
    yield* fail(w, cooldown, value("first"))
    yield* w.time.past(cooldown)
    yield* fail(w, w.time.long)
    same(cools(yield* w.ask(w.there), "asking").cause, undefined, "the cause of a failure without one")
  }),

  prove("cooldown", "a stale value comes with it", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    yield* fail(w, w.time.long)
    staleIs(cools(yield* w.ask(w.there), "asking").stale, value("v"), "the stale value")
  }),

  prove("cooldown", "a fresh value is still a hit in it, and is not refreshed until it is over", function* (w) {
    yield* w.filled(w.here, value("v"))
    const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
    const cooldown = w.time.units(5)
    const start = now()
    yield* w.here.abandon(w.key, { token, cooldown, cause: value("why") })
    const refresh = { refreshWithin: Infinity }
    hits(yield* w.time.inTime(start, cooldown, w.ask(w.there, w.key, refresh)), value("v"), "refreshing in it")
    yield* w.time.past(cooldown)
    leads(yield* w.ask(w.there, w.key, refresh), "refreshing after it")
  }),

  prove("cooldown", "a delete ends it", function* (w) {
    yield* fail(w, w.time.long, value("why"))
    same(yield* w.there.delete(w.key), false, "whether there was a value")
    yield* w.lead(w.here)
  }),

  prove("cooldown", "a put ends it", function* (w) {
    yield* fail(w, w.time.long, value("why"))
    yield* w.there.put(w.key, { value: value("v"), lifetime: { fresh: 0, stale: w.time.long } })
    yield* w.time.past(0)
    yield* w.lead(w.here)
  }),

  prove("cooldown", "the token of the failed load is worth nothing in it, nor after it", function* (w) {
    const cooldown = w.time.units(3)
    const token = yield* fail(w, cooldown)
    const late = { token, value: value("late"), lifetime: w.longLife }
    same(yield* w.here.fill(w.key, late), false, "filling in the cooldown")
    same(yield* w.here.abandon(w.key, { token, cooldown: w.time.long }), false, "abandoning again")
    yield* w.time.past(cooldown)
    same(yield* w.here.fill(w.key, late), false, "filling after the cooldown")
    yield* w.lead(w.there)
  }),

  prove("cooldown", "read reports it, and nothing after its end", function* (w) {
    const cooldown = w.time.units(5)
    const start = now()
    yield* fail(w, cooldown, value("why"))
    const during = yield* w.time.inTime(start, cooldown, w.there.read(w.key))
    same(during.cooling?.cause?.bytes, value("why").bytes, "the cause as read")
    between(during.cooling?.retryIn ?? -1, 0, cooldown + w.time.tolerance, "retryIn as read")
    holds(during.lease === undefined, "a lease beside a cooldown")
    yield* w.time.past(cooldown)
    holds((yield* w.there.read(w.key)).cooling === undefined, "read reports a cooldown that has ended")
  })
]

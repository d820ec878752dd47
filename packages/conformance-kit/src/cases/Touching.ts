/** Law 15: `touch` sets how long a fresh value stays fresh, and changes nothing else. */
import * as Effect from "effect/Effect"
import { prove as proveAny, race, type Steps } from "../world/Case.ts"
import { between, cools, follows, hits, holds, leads, noStale, same, staleIs } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { value, type World } from "../world/World.ts"

const prove = (name: string, steps: Steps) => proveAny("15", name, steps)

/** There is nothing fresh to touch, and both peers get that answer. */
const untouched = Effect.fnUntraced(function* (w: World, what: string, key = w.key) {
  for (const peer of w.both) same(yield* peer.touch(key, { freshFor: w.time.long }), false, `touching ${what}`)
  holds((yield* w.here.read(key)).freshFor === 0, `${what} is fresh after a touch`)
})

const touched = (w: World, freshFor: number, key = w.key) =>
  Effect.map(w.there.touch(key, { freshFor }), (answer) => same(answer, true, "touching a fresh value"))

/** A value that is fresh until an end that a slow machine may miss: answers about it count only before that. */
const freshTill = (w: World, began: number, fresh: number) => {
  let [start, lasts] = [began, fresh]
  const still = <A, E>(effect: Effect.Effect<A, E>) => w.time.inTime(start, lasts, effect)
  const touch = Effect.fnUntraced(function* (freshFor: number) {
    const sent = now()
    same(yield* still(w.there.touch(w.key, { freshFor })), true, "touching a fresh value")
    start = sent
    lasts = freshFor
  })
  return { still, touch }
}

export const touching = [
  prove("a touched value stays fresh exactly so long from then, longer or shorter", function* (w) {
    const fresh = w.time.units(200)
    const { still, touch } = freshTill(w, now(), fresh)
    yield* w.filled(w.here, value("v"), { fresh, stale: 0 })
    for (const freshFor of [w.time.units(400), w.time.units(100), w.time.units(300)]) {
      yield* w.time.sleep(w.time.unit)
      const start = now()
      yield* touch(freshFor)
      const done = now()
      for (const peer of w.both) {
        const asked = now()
        const hit = hits(yield* still(w.ask(peer)), value("v"), "asking")
        const [least, most] = [now() - start + w.time.tolerance, asked - done - w.time.tolerance]
        between(hit.freshFor, freshFor - least, freshFor - most, "freshFor")
        const { freshFor: read } = yield* still(peer.read(w.key))
        between(read, freshFor - (now() - start) - w.time.tolerance, freshFor - most, "freshFor, as read")
      }
    }
  }),

  prove("touched, it outlives its first lifetime", function* (w) {
    const fresh = w.time.units(6)
    const start = now()
    yield* w.filled(w.here, value("v"), { fresh, stale: 0 })
    same(yield* w.time.inTime(start, fresh, w.there.touch(w.key, { freshFor: w.time.long })), true, "touching in time")
    yield* w.time.past(fresh)
    for (const peer of w.both) hits(yield* w.ask(peer), value("v"), "after the end of the first lifetime")
  }),

  prove("touched again and again, it stays", function* (w) {
    const freshFor = w.time.units(5)
    let start = now()
    yield* w.here.put(w.key, { value: value("v"), lifetime: { fresh: freshFor, stale: 0 } })
    for (let round = 0; round < 6; round++) {
      yield* w.time.sleep(w.time.units(2))
      const asked = now()
      const touch = w.both[round % 2 === 0 ? 0 : 1].touch(w.key, { freshFor })
      same(yield* w.time.inTime(start, freshFor, touch), true, `touch ${round}`)
      start = asked
    }
    hits(yield* w.time.inTime(start, freshFor, w.ask(w.there)), value("v"), "after more than twice its lifetime")
    yield* w.time.past(freshFor)
    noStale(leads(yield* w.ask(w.here), "asking"), "when nobody touched it any more")
  }),

  prove("touched to end sooner, it ends sooner", function* (w) {
    yield* w.filled(w.here, value("v"))
    const freshFor = w.time.units(2)
    yield* touched(w, freshFor)
    yield* w.time.past(freshFor)
    for (const peer of w.both) holds((yield* peer.read(w.key)).value === undefined, "a value after its end")
    noStale(leads(yield* w.ask(w.here), "asking"), "after the end that the touch set")
  }),

  prove("touched to stay fresh for no time, it is stale", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: w.time.long, stale: w.time.long })
    yield* touched(w, 0)
    yield* w.time.past(0)
    staleIs(leads(yield* w.ask(w.here), "asking").stale, value("v"), "the stale value")
    yield* untouched(w, "what a touch made stale")
  }),

  prove("a touched value may have no end, and get one again", function* (w) {
    yield* w.filled(w.here, value("v"))
    yield* touched(w, Infinity)
    same(hits(yield* w.ask(w.here), value("v"), "asking").freshFor, Infinity, "freshFor")
    same((yield* w.here.read(w.key)).keptFor, Infinity, "keptFor")
    const freshFor = w.time.units(2)
    yield* touched(w, w.time.long)
    hits(yield* w.ask(w.here), value("v"), "touched to end some day")
    yield* touched(w, freshFor)
    yield* w.time.past(freshFor)
    noStale(leads(yield* w.ask(w.here), "asking"), "after the end that the touch set")
  }),

  prove("a touch keeps the bytes, the age, what the load took, and the stale window", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.time.sleep(w.time.units(2))
    const start = now()
    const [fresh, stale] = [w.time.units(100), w.time.units(50)]
    const { still, touch } = freshTill(w, start, fresh)
    yield* w.fill(w.here, token, value("v"), { fresh, stale })
    const filled = now()
    const { took } = yield* still(w.here.read(w.key))
    yield* w.time.sleep(w.time.units(3))
    for (const freshFor of [w.time.units(300), w.time.units(60)]) {
      yield* touch(freshFor)
      for (const peer of w.both) {
        const asked = now()
        const found = yield* still(peer.read(w.key))
        const oldest = now() - start + w.time.tolerance
        same(found.value?.bytes, value("v").bytes, "the value")
        same(found.took, took, "took")
        between(found.age, asked - filled - w.time.tolerance, oldest, "age")
        between(found.keptFor - found.freshFor, stale - 2, stale + 2, "the stale window")
        const hit = hits(yield* still(w.ask(peer)), value("v"), "asking")
        same(hit.took, took, "took of a hit")
        between(hit.age, asked - filled - w.time.tolerance, now() - start + w.time.tolerance, "age of a hit")
      }
    }
  }),

  prove("the stale window of a touched value begins and ends where its freshness ends", function* (w) {
    const [freshFor, stale] = [w.time.units(2), w.time.units(3)]
    yield* w.filled(w.here, value("v"), { fresh: w.time.long, stale: w.time.long })
    const start = now()
    yield* touched(w, freshFor)
    yield* w.time.past(freshFor)
    const found = staleIs(leads(yield* w.ask(w.here), "asking").stale, value("v"), "the stale value")
    between(found.staleFor, 0, now() - start - freshFor + w.time.tolerance, "staleFor")
    const key = w.name()
    yield* w.filled(w.here, value("v"), { fresh: w.time.long, stale }, key)
    yield* touched(w, freshFor, key)
    yield* w.time.past(freshFor + stale)
    holds((yield* w.here.read(key)).value === undefined, "a value after its stale window")
    noStale(leads(yield* w.ask(w.there, key), "asking"), "after the stale window")
  }),

  prove("an early refresh goes by the freshness that a touch left", function* (w) {
    const fresh = w.time.units(100)
    const { touch } = freshTill(w, now(), fresh)
    yield* w.filled(w.here, value("v"), { fresh, stale: 0 })
    yield* touch(w.time.long)
    const refreshWithin = w.time.long / 2
    hits(yield* w.ask(w.here, w.key, { refreshWithin }), value("v"), "touched to stay, asking for a refresh")
    yield* touched(w, w.time.long / 4)
    leads(yield* w.ask(w.here, w.key, { refreshWithin }), "touched to end, asking for a refresh")
  }),

  prove("a touch never freshens a stale value", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    const { keptFor } = yield* w.here.read(w.key)
    yield* untouched(w, "a value that was stale from the start")
    holds((yield* w.here.read(w.key)).keptFor <= keptFor, "a touch keeps a stale value longer")
    staleIs(leads(yield* w.ask(w.there), "asking").stale, value("v"), "the stale value")
    yield* untouched(w, "a stale value under a lease")

    const fresh = w.time.units(2)
    const key = w.name()
    yield* w.filled(w.here, value("v"), { fresh, stale: w.time.long }, key)
    yield* w.time.past(fresh)
    yield* untouched(w, "a value that became stale", key)
    staleIs(leads(yield* w.ask(w.there, key), "asking").stale, value("v"), "the value that became stale")
  }),

  prove("a touch brings nothing where there is nothing", function* (w) {
    yield* untouched(w, "a missing key")
    yield* w.filled(w.here, value("v"))
    yield* w.there.delete(w.key)
    yield* untouched(w, "a deleted key")
    const fresh = w.time.units(2)
    yield* w.filled(w.here, value("v"), { fresh, stale: 0 })
    const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
    yield* w.time.past(fresh)
    yield* untouched(w, "an expired value under a lease")
    yield* w.here.abandon(w.key, { token })
    yield* untouched(w, "an expired value")
    for (const peer of w.both) {
      const found = yield* peer.read(w.key)
      same([found.value, found.keptFor, found.lease], [undefined, 0, undefined], "value, keptFor and lease")
    }
    noStale(leads(yield* w.ask(w.there), "asking"), "after touching nothing")
  }),

  prove("a touch leaves a lease and a cooldown alone, where there is no value", function* (w) {
    const token = yield* w.lead(w.here)
    yield* untouched(w, "a leased key")
    follows(yield* w.ask(w.there), "another, after the touch")
    same(yield* w.here.abandon(w.key, { token, cooldown: w.time.long, cause: value("why") }), true, "abandoning")
    yield* untouched(w, "a key that cools down")
    const found = cools(yield* w.ask(w.there), "another, after the touch")
    between(found.retryIn, 1, w.time.long + w.time.tolerance, "retryIn")
    same(found.cause?.bytes, value("why").bytes, "the cause")
  }),

  prove("a touch leaves a live refresh and its lease alone", function* (w) {
    const owner = w.name()
    const leaseFor = w.time.long / 2
    yield* w.filled(w.here, value("v"))
    const token = yield* w.lead(w.here, w.key, { owner, leaseFor, refreshWithin: Infinity })
    const before = yield* w.here.read(w.key)
    for (const freshFor of [2 * w.time.long, w.time.long / 4]) {
      yield* touched(w, freshFor)
      const after = yield* w.here.read(w.key)
      same(after.lease?.owner, owner, "the owner after a touch")
      between(after.lease!.endsIn, 1, before.lease!.endsIn, "endsIn after a touch")
      hits(yield* w.ask(w.there, w.key, { refreshWithin: Infinity }), value("v"), "another that would refresh")
    }
    same(yield* w.here.renew(w.key, { token, leaseFor }), true, "renewing after a touch")
    yield* w.fill(w.here, token, value("new"))
    hits(yield* w.ask(w.there), value("new"), "what the refresh filled")
  }),

  prove("a lease that outlives a touched value is as long as it was", function* (w) {
    const freshFor = w.time.units(2)
    yield* w.filled(w.here, value("v"))
    const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
    yield* touched(w, freshFor)
    yield* w.time.past(freshFor)
    noStale(follows(yield* w.ask(w.there), "another, when the value is gone"), "when the value is gone")
    yield* w.fill(w.here, token, value("new"))
    hits(yield* w.ask(w.there), value("new"), "what the refresh filled")
  }),

  prove("a new fill, and a new put, forget the touches before them", function* (w) {
    const fresh = w.time.long / 4
    yield* w.filled(w.here, value("v"))
    yield* touched(w, 4 * w.time.long)
    yield* w.here.put(w.key, { value: value("put"), lifetime: { fresh, stale: 0 } })
    between(hits(yield* w.ask(w.there), value("put"), "asking").freshFor, 1, fresh + w.time.tolerance, "after a put")
    yield* touched(w, 4 * w.time.long)
    const token = yield* w.lead(w.here, w.key, { force: true })
    yield* w.fill(w.here, token, value("filled"), { fresh, stale: 0 })
    const { freshFor } = hits(yield* w.ask(w.there), value("filled"), "asking")
    between(freshFor, 1, fresh + w.time.tolerance, "after a fill")
  }),

  prove("ten touches at once: one of them wins, and the value is whole", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: w.time.long, stale: w.time.long })
    const spans = Array.from({ length: 10 }, (_, index) => (index + 1) * w.time.long)
    const start = now()
    const answers = yield* Effect.forEach(
      spans,
      (freshFor, index) => w.both[index % 2 === 0 ? 0 : 1].touch(w.key, { freshFor }),
      { concurrency: "unbounded" }
    )
    same(answers.filter(Boolean).length, 10, "touches of a fresh value")
    const { freshFor, keptFor } = yield* w.here.read(w.key)
    const slack = now() - start + w.time.tolerance
    holds(
      spans.some((span) => freshFor <= span + w.time.tolerance && freshFor >= span - slack),
      `freshFor is ${freshFor}, which is none of the spans`
    )
    between(keptFor - freshFor, w.time.long - 2, w.time.long + 2, "the stale window")
    hits(yield* w.ask(w.there), value("v"), "at the end")
  }),

  race("15", "a touch against a delete: the delete wins", function* (w, key, round) {
    yield* w.here.put(key, { value: value("v"), lifetime: w.longLife })
    yield* w.together(round, w.here.touch(key, { freshFor: w.time.long }), w.there.delete(key))
    holds((yield* w.here.read(key)).value === undefined, `a value after touch and delete, in round ${round}`)
  }),

  race("15", "a touch against a fill: the new value, whole, with its own stale window", function* (w, key, round) {
    yield* w.here.put(key, { value: value("a value that is longer"), lifetime: { fresh: w.time.long, stale: 0 } })
    const token = yield* w.lead(w.here, key, { refreshWithin: Infinity })
    const lifetime = { fresh: w.time.long, stale: w.time.long }
    const fill = w.here.fill(key, { token, value: value("new"), lifetime })
    yield* w.together(round, fill, w.there.touch(key, { freshFor: 2 * w.time.long }))
    const found = yield* w.here.read(key)
    same(found.value?.bytes, value("new").bytes, `the value after touch and fill, in round ${round}`)
    between(found.keptFor - found.freshFor, w.time.long - 2, w.time.long + 2, "the stale window")
  })
]

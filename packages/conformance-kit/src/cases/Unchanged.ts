/** Law 15: `fill` without a value gives the present one a new lifetime, and brings none back. */
import { type Adapter, Token } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { prove as proveAny, race, type Steps } from "../world/Case.ts"
import { between, follows, hits, holds, leads, noStale, same, staleIs } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { value, type World } from "../world/World.ts"

const prove = (name: string, steps: Steps) => proveAny("15", name, steps)

const refreshing = { refreshWithin: Infinity } as const

/** The fill without a value is refused for the token, and nothing has changed. */
const refused = Effect.fnUntraced(function* (w: World, peer: Adapter, token: Token, what: string) {
  const before = yield* peer.read(w.key)
  const lifetime = { fresh: 2 * w.time.long, stale: 2 * w.time.long }
  same(yield* peer.fill(w.key, { token, lifetime }), false, `a fill without a value, with ${what}`)
  const after = yield* peer.read(w.key)
  same(after.value?.bytes, before.value?.bytes, `the value after ${what} was used`)
  same(after.lease?.owner, before.lease?.owner, `the leader after ${what} was used`)
  same(after.took, before.took, `took after ${what} was used`)
  for (const time of ["freshFor", "keptFor"] as const) {
    holds(after[time] <= before[time], `${time} went from ${before[time]} to ${after[time]} by ${what}`)
  }
  holds(after.age >= before.age, `age went from ${before.age} to ${after.age} by ${what}`)
  same(after.cooling === undefined, before.cooling === undefined, `whether it cools down after ${what} was used`)
})

export const unchanged = [
  prove("a fill without a value keeps the bytes, and begins the lifetime anew", function* (w) {
    const first = { fresh: w.time.units(100), stale: w.time.units(50) }
    const began = now()
    yield* w.filled(w.here, value("v"), first)
    yield* w.time.sleep(w.time.units(4))
    const token = yield* w.lead(w.there, w.key, refreshing)
    const lifetime = { fresh: w.time.units(300), stale: w.time.units(20) }
    const start = now()
    const held = yield* w.time.inTime(began, first.fresh, w.there.fill(w.key, { token, lifetime }))
    same(held, true, "filling without a value, under a live lease")
    const done = now()
    for (const peer of w.both) {
      const asked = now()
      const hit = hits(yield* w.time.inTime(start, lifetime.fresh, w.ask(peer)), value("v"), "asking")
      const [youngest, oldest] = [asked - done - w.time.tolerance, now() - start + w.time.tolerance]
      between(hit.age, Math.max(0, youngest), oldest, "age")
      between(hit.freshFor, lifetime.fresh - oldest, lifetime.fresh - youngest, "freshFor")
      const found = yield* w.time.inTime(start, lifetime.fresh, peer.read(w.key))
      same(found.value?.bytes, value("v").bytes, "the value, as read")
      between(found.keptFor - found.freshFor, lifetime.stale - 2, lifetime.stale + 2, "the stale window")
    }
  }),

  prove("a fill without a value, for no time at all, ends the value that is there", function* (w) {
    yield* w.filled(w.here, value("old"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    const token = yield* w.lead(w.here)
    yield* w.refill(w.here, token, { fresh: 0, stale: 0 })
    holds((yield* w.there.read(w.key)).value === undefined, "read answers it")
    noStale(leads(yield* w.ask(w.there), "asking for it"), "the leader")
  }),

  prove("the same ends no value that was put meanwhile", function* (w) {
    yield* w.filled(w.here, value("old"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    const token = yield* w.lead(w.here)
    yield* w.there.put(w.key, { value: value("new"), lifetime: w.longLife })
    same(yield* w.here.fill(w.key, { token, lifetime: { fresh: 0, stale: 0 } }), false, "the fill")
    hits(yield* w.ask(w.here), value("new"), "after it")
  }),

  prove("filled without a value, it outlives its first lifetime", function* (w) {
    const fresh = w.time.units(6)
    const start = now()
    yield* w.filled(w.here, value("v"), { fresh, stale: 0 })
    const token = yield* w.time.inTime(start, fresh, w.lead(w.there, w.key, refreshing))
    const held = yield* w.time.inTime(start, fresh, w.there.fill(w.key, { token, lifetime: w.longLife }))
    same(held, true, "filling in time")
    yield* w.time.past(fresh)
    for (const peer of w.both) hits(yield* w.ask(peer), value("v"), "after the end of the first lifetime")
  }),

  prove("filled without a value, it may also end sooner", function* (w) {
    const fresh = w.time.units(2)
    yield* w.filled(w.here, value("v"), { fresh: w.time.long, stale: w.time.long })
    yield* w.refill(w.there, yield* w.lead(w.there, w.key, refreshing), { fresh, stale: 0 })
    yield* w.time.past(fresh)
    holds((yield* w.here.read(w.key)).value === undefined, "a value after the end of its new lifetime")
    noStale(leads(yield* w.ask(w.there), "asking"), "after the end of the new lifetime")
  }),

  prove("a stale value is fresh again by a fill without one, and may be stale from the start", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    yield* w.refill(w.there, yield* w.lead(w.there))
    for (const peer of w.both) hits(yield* w.ask(peer), value("v"), "after the fill without a value")
    const token = yield* w.lead(w.here, w.key, refreshing)
    yield* w.refill(w.here, token, { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    staleIs(leads(yield* w.ask(w.there), "asking").stale, value("v"), "filled as stale from the start")
  }),

  prove("filled without a value, it may have no end, and get one again", function* (w) {
    yield* w.filled(w.here, value("v"))
    yield* w.refill(w.here, yield* w.lead(w.here, w.key, refreshing), { fresh: Infinity, stale: 0 })
    same(hits(yield* w.ask(w.there), value("v"), "asking").freshFor, Infinity, "freshFor")
    same((yield* w.there.read(w.key)).keptFor, Infinity, "keptFor")
    const fresh = w.time.units(2)
    yield* w.refill(w.there, yield* w.lead(w.there, w.key, refreshing), { fresh, stale: 0 })
    yield* w.time.past(fresh)
    noStale(leads(yield* w.ask(w.here), "asking"), "after the end of the last lifetime")
  }),

  prove("a fill without a value ends the lease, and uses its token up", function* (w) {
    yield* w.filled(w.here, value("v"))
    const token = yield* w.lead(w.here, w.key, refreshing)
    yield* w.refill(w.here, token)
    for (const peer of w.both) holds((yield* peer.read(w.key)).lease === undefined, "the lease outlives its fill")
    yield* refused(w, w.here, token, "a token that has filled")
    same(yield* w.here.fill(w.key, { token, value: value("w"), lifetime: w.longLife }), false, "filling again")
    same(yield* w.here.renew(w.key, { token, leaseFor: w.time.long }), false, "renewing")
    const next = yield* w.lead(w.there, w.key, refreshing)
    yield* w.fill(w.there, next, value("next"))
    hits(yield* w.ask(w.here), value("next"), "the next load")
  }),

  prove("a value goes through many fills without one as it was", function* (w) {
    for (const given of [
      value(""),
      value("0"),
      { bytes: Uint8Array.from({ length: 2000 }, (_, at) => (at * 7) % 256) }
    ]) {
      yield* w.here.put(w.key, { value: given, lifetime: w.longLife })
      for (let round = 0; round < 6; round++) {
        const peer = w.both[round % 2 === 0 ? 0 : 1]
        yield* w.refill(peer, yield* w.lead(peer, w.key, refreshing))
        for (const other of w.both) hits(yield* w.ask(other), given, `after ${round + 1} fills without a value`)
      }
    }
  }),

  prove("a fill without a value and with a lost token changes nothing", function* (w) {
    const lifetime = { fresh: w.time.long / 2, stale: w.time.long / 2 }
    yield* w.filled(w.here, value("v"), lifetime)
    yield* refused(w, w.here, Token("never granted"), "a token that was never granted")
    const leaseFor = w.time.units(2)
    const ended = yield* w.lead(w.here, w.key, { ...refreshing, leaseFor })
    yield* w.time.past(leaseFor)
    yield* refused(w, w.here, ended, "the token of an ended lease")
    const next = yield* w.lead(w.there, w.key, refreshing)
    yield* refused(w, w.here, ended, "an old token beside a new leader")
    const forced = yield* w.lead(w.here, w.key, { force: true })
    yield* refused(w, w.there, next, "a token that a forced acquire voided")
    same(yield* w.here.abandon(w.key, { token: forced, cooldown: w.time.long }), true, "abandoning")
    yield* refused(w, w.here, forced, "a token that was given back")
    hits(yield* w.ask(w.there), value("v"), "the value at the end")
  }),

  prove("a put voids the token, and a fill without a value does not live for the new one", function* (w) {
    yield* w.filled(w.here, value("old"))
    const token = yield* w.lead(w.here, w.key, refreshing)
    yield* w.there.put(w.key, { value: value("put"), lifetime: { fresh: w.time.long / 2, stale: 0 } })
    yield* refused(w, w.here, token, "a token that a put voided")
    const next = yield* w.lead(w.here, w.key, refreshing)
    yield* w.refill(w.here, next)
    hits(yield* w.ask(w.there), value("put"), "after the put's own refresh")
  }),

  prove("where there never was a value, a fill without one is not held, and the lease goes on", function* (w) {
    const token = yield* w.lead(w.here)
    yield* refused(w, w.here, token, "nothing there")
    noStale(follows(yield* w.ask(w.there), "another"), "after the fill without a value")
    yield* w.fill(w.here, token, value("v"))
    hits(yield* w.ask(w.there), value("v"), "the fill with a value that followed")
  }),

  prove("a fill without a value brings no expired value back", function* (w) {
    for (const lifetime of [
      { fresh: w.time.units(2), stale: 0 },
      { fresh: w.time.unit, stale: w.time.unit }
    ]) {
      const key = w.name()
      yield* w.filled(w.here, value("v"), lifetime, key)
      // The lease was taken while there was a value, so that its record is still there.
      const token = yield* w.lead(w.there, key, refreshing)
      yield* w.time.past(lifetime.fresh + lifetime.stale)
      same(yield* w.there.fill(key, { token, lifetime: w.longLife }), false, "filling an expired value with itself")
      for (const peer of w.both) holds((yield* peer.read(key)).value === undefined, "the expired value came back")
      noStale(follows(yield* w.ask(w.here, key), "another"), "after the fill without a value")
      yield* w.fill(w.there, token, value("new"), w.longLife, key)
    }
  }),

  prove("a fill without a value brings no deleted value back", function* (w) {
    yield* w.filled(w.here, value("v"))
    const owner = w.name()
    const old = yield* w.lead(w.here, w.key, { ...refreshing, owner })
    same(yield* w.there.delete(w.key), true, "deleting")
    yield* refused(w, w.here, old, "a token that a delete voided")
    const token = yield* w.lead(w.here, w.key, { owner })
    yield* refused(w, w.here, token, "a token granted after the delete")
    yield* refused(w, w.here, old, "a token that a delete voided, its owner leading again")
    noStale(follows(yield* w.ask(w.there), "another"), "after the fills without a value")
    yield* w.fill(w.here, token, value("new"))
  }),

  race("15", "a fill without a value against a delete: the delete wins", function* (w, key, round) {
    yield* w.filled(w.here, value("v"), w.longLife, key)
    const token = yield* w.lead(w.here, key, refreshing)
    // And a touch, where there are more peers than two.
    const touches = Effect.forEach(w.peers.slice(2), (peer) => peer.touch(key, { freshFor: 2 * w.time.long }), {
      concurrency: "unbounded"
    })
    const ended = Effect.all([w.there.delete(key), touches], { concurrency: "unbounded" })
    yield* w.together(round, w.here.fill(key, { token, lifetime: w.longLife }), ended)
    holds((yield* w.here.read(key)).value === undefined, `a value after fill and delete, in round ${round}`)
  }),

  race("15", "a fill without a value against a put: the put wins", function* (w, key, round) {
    yield* w.filled(w.here, value("v"), w.longLife, key)
    const token = yield* w.lead(w.here, key, refreshing)
    const lifetime = { fresh: w.time.long / 4, stale: 0 }
    const put = w.there.put(key, { value: value("put"), lifetime })
    yield* w.together(round, w.here.fill(key, { token, lifetime: w.longLife }), put)
    const { freshFor } = hits(yield* w.ask(w.here, key), value("put"), `after fill and put, in round ${round}`)
    between(freshFor, 0, lifetime.fresh + w.time.tolerance, "freshFor of what was put")
  })
]

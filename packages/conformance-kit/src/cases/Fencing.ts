/** Laws 5 and 6: the ends of a load that is under way, and the next leader. */
import * as Effect from "effect/Effect"
import { prove, race } from "../world/Case.ts"
import { count, follows, hits, holds, same } from "../world/Expect.ts"
import { value } from "../world/World.ts"

export const fencing = [
  prove("5", "a load that began before a delete cannot fill", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.there.delete(w.key)
    const late = { token, value: value("late"), lifetime: w.longLife }
    same(yield* w.here.fill(w.key, late), false, "filling after a delete")
    holds((yield* w.there.read(w.key)).value === undefined, "the late fill left a value")
    yield* w.lead(w.there)
    same(yield* w.here.fill(w.key, late), false, "filling again, beside the next leader")
  }),

  prove("5", "a load that began before a put cannot fill, and the put's value stays", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.there.put(w.key, { value: value("put"), lifetime: w.longLife })
    const late = { token, value: value("late"), lifetime: w.longLife }
    same(yield* w.here.fill(w.key, late), false, "filling after a put")
    for (const peer of w.both) hits(yield* w.ask(peer), value("put"), "after the late fill")
  }),

  prove("5", "a delete frees the key at once: another leads", function* (w) {
    yield* w.lead(w.here)
    yield* w.there.delete(w.key)
    yield* w.lead(w.there)
  }),

  prove(
    "5",
    "an owner granted the key anew after a delete has a new token, and the old one cannot fill",
    function* (w) {
      const owner = w.name()
      const old = yield* w.lead(w.here, w.key, { owner })
      yield* w.there.delete(w.key)
      const next = yield* w.lead(w.here, w.key, { owner })
      holds(next !== old, "the new grant has the old token")
      const late = { token: old, value: value("old"), lifetime: w.longLife }
      same(yield* w.here.fill(w.key, late), false, "filling with the old token")
      yield* w.fill(w.here, next, value("new"))
      hits(yield* w.ask(w.there), value("new"), "after both fills")
    }
  ),

  prove("5", "an owner granted the key anew after a put has a new token, and the old one cannot fill", function* (w) {
    const owner = w.name()
    const refresh = { owner, refreshWithin: Infinity }
    const old = yield* w.lead(w.here, w.key, { owner })
    yield* w.there.put(w.key, { value: value("put"), lifetime: w.longLife })
    const next = yield* w.lead(w.here, w.key, refresh)
    holds(next !== old, "the new grant has the old token")
    const late = { token: old, value: value("old"), lifetime: w.longLife }
    same(yield* w.here.fill(w.key, late), false, "filling with the old token")
    yield* w.fill(w.here, next, value("new"))
  }),

  prove("5", "a voided load can neither renew nor abandon, also beside the next leader", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.there.delete(w.key)
    same(yield* w.here.renew(w.key, { token, leaseFor: w.time.long }), false, "renewing after a delete")
    const next = yield* w.lead(w.there)
    same(yield* w.here.renew(w.key, { token, leaseFor: w.time.long }), false, "renewing beside the next leader")
    same(yield* w.here.abandon(w.key, { token }), false, "abandoning beside the next leader")
    follows(yield* w.ask(w.here), "another, after the voided leader came back")
    yield* w.fill(w.there, next, value("v"))
  }),

  prove("5", "a delete voids a refresh too, and takes the fresh value with it", function* (w) {
    yield* w.filled(w.here, value("v"))
    const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
    same(yield* w.there.delete(w.key), true, "deleting a value under refresh")
    const late = { token, value: value("late"), lifetime: w.longLife }
    same(yield* w.here.fill(w.key, late), false, "filling after the delete")
    yield* w.lead(w.there)
  }),

  prove("5", "a put without a lease, then a delete, then a put: the last one stays", function* (w) {
    yield* w.here.put(w.key, { value: value("one"), lifetime: w.longLife })
    yield* w.there.delete(w.key)
    yield* w.here.put(w.key, { value: value("two"), lifetime: w.longLife })
    hits(yield* w.ask(w.there), value("two"), "after the last put")
    holds((yield* w.there.read(w.key)).lease === undefined, "a put leaves no lease")
  }),

  race(
    "6",
    "after a crash exactly one of twenty leads",
    function* (w, key) {
      const leaseFor = w.time.units(2)
      const crashed = yield* w.lead(w.here, key, { leaseFor })
      yield* w.time.past(leaseFor)
      const late = { token: crashed, value: value("late"), lifetime: w.longLife }
      const [held, found] = yield* w.together(1, w.there.fill(key, late), w.race(20, key))
      same(held, false, "the late fill")
      same(count(found, "Leader"), 1, "leaders after the crash")
    },
    { rounds: 1 }
  ),

  race(
    "6",
    "after an abandon exactly one of twenty leads, at once",
    function* (w, key) {
      const token = yield* w.lead(w.here, key)
      same(yield* w.here.abandon(key, { token }), true, "abandoning")
      same(count(yield* w.race(20, key), "Leader"), 1, "leaders after the abandon")
    },
    { rounds: 1 }
  ),

  prove("6", "an abandon is seen by the other peer", function* (w) {
    const token = yield* w.lead(w.here)
    same(yield* w.there.abandon(w.key, { token }), true, "abandoning through the other peer")
    yield* w.lead(w.here)
  }),

  prove("6", "a late abandon makes no second leader", function* (w) {
    const leaseFor = w.time.units(2)
    const crashed = yield* w.lead(w.here, w.key, { leaseFor })
    yield* w.time.past(leaseFor)
    const next = yield* w.lead(w.there)
    same(yield* w.here.abandon(w.key, { token: crashed }), false, "the late abandon")
    same(count(yield* w.race(10), "Leader"), 0, "leaders beside the one there is")
    yield* w.fill(w.there, next, value("v"))
  }),

  prove("6", "an abandon sent twice frees the key once", function* (w) {
    const token = yield* w.lead(w.here)
    same(yield* w.here.abandon(w.key, { token }), true, "abandoning")
    yield* w.lead(w.there)
    same(yield* w.here.abandon(w.key, { token }), false, "abandoning again")
    follows(yield* w.ask(w.here), "another, after the second abandon")
  }),

  prove(
    "6",
    "a chain of crashed and giving-up leaders has one leader at a time, and the last one fills",
    function* (w) {
      const leaseFor = w.time.units(2)
      for (const peer of w.both) {
        yield* w.lead(peer, w.key, { leaseFor })
        yield* w.time.past(leaseFor)
        const found = yield* w.race(10)
        same(count(found, "Leader"), 1, "leaders after a crash")
        const led = found.find((one) => one._tag === "Leader")
        if (led?._tag === "Leader") same(yield* peer.abandon(w.key, { token: led.token }), true, "giving up")
      }
      yield* w.filled(w.here, value("v"))
      same(count(yield* w.race(10), "Hit"), 10, "hits at the end")
    }
  ),

  prove("force", "forced, leads over a fresh value, which stays until the fill", function* (w) {
    yield* w.filled(w.here, value("old"))
    const token = yield* w.lead(w.there, w.key, { force: true })
    hits(yield* w.ask(w.here), value("old"), "another, while the forced load runs")
    yield* w.fill(w.there, token, value("new"))
    hits(yield* w.ask(w.here), value("new"), "another, after the forced load")
  }),

  prove("force", "forced, takes the lease from its leader, who can never fill", function* (w) {
    const old = yield* w.lead(w.here)
    const token = yield* w.lead(w.there, w.key, { force: true })
    holds(token !== old, "the forced grant has the old token")
    const late = { token: old, value: value("late"), lifetime: w.longLife }
    same(yield* w.here.fill(w.key, late), false, "the old leader's fill")
    same(yield* w.here.renew(w.key, { token: old, leaseFor: w.time.long }), false, "the old leader's renew")
    same(yield* w.here.abandon(w.key, { token: old }), false, "the old leader's abandon")
    yield* w.fill(w.there, token, value("new"))
    same(yield* w.here.fill(w.key, late), false, "the old leader's fill, after the new one's")
    hits(yield* w.ask(w.here), value("new"), "at the end")
  }),

  prove("force", "forced, leads in a cooldown and ends it", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.here.abandon(w.key, { token, cooldown: w.time.long })
    const forced = yield* w.lead(w.there, w.key, { force: true })
    holds((yield* w.here.read(w.key)).cooling === undefined, "the cooldown outlives the forced lease")
    yield* w.there.abandon(w.key, { token: forced })
    yield* w.lead(w.here)
  }),

  prove("force", "the same owner forcing again keeps its token", function* (w) {
    const owner = w.name()
    const token = yield* w.lead(w.here, w.key, { owner, force: true })
    same(yield* w.lead(w.there, w.key, { owner, force: true }), token, "the token of the second request")
  }),

  prove("force", "of ten that force at once all lead, and only the last one fills", function* (w) {
    const tokens = yield* Effect.forEach(
      Array.from({ length: 10 }, (_, index) => w.both[index % 2 === 0 ? 0 : 1]),
      (peer) => w.lead(peer, w.key, { force: true }),
      { concurrency: "unbounded" }
    )
    same(new Set(tokens).size, 10, "different tokens")
    const held = yield* Effect.forEach(tokens, (token, index) =>
      w.here.fill(w.key, { token, value: value(`${index}`), lifetime: w.longLife })
    )
    same(held.filter(Boolean).length, 1, "fills that were held")
    hits(yield* w.ask(w.there), value(`${held.indexOf(true)}`), "the value of the one fill")
  })
]

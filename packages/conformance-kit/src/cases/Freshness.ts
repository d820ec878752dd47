/** Laws 7 and 11, and stale windows: the answers about a value as it ages. */
import { prove } from "../world/Case.ts"
import { between, follows, hits, holds, leads, noStale, same, staleIs } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { value } from "../world/World.ts"

export const freshness = [
  prove("7", "an early refresh elects one leader, and everyone else hits", function* (w) {
    yield* w.filled(w.here, value("v"))
    const refreshWithin = w.time.long * 2
    yield* w.lead(w.here, w.key, { refreshWithin })
    for (const peer of w.both) {
      hits(yield* w.ask(peer, w.key, { refreshWithin }), value("v"), "another that would refresh")
      hits(yield* w.ask(peer), value("v"), "another that would not")
    }
  }),

  prove("7", "of fifty that would refresh at once, one leads and the rest hit", function* (w) {
    yield* w.filled(w.here, value("v"))
    const found = yield* w.race(50, w.key, { refreshWithin: w.time.long * 2 })
    same(found.filter((one) => one._tag === "Leader").length, 1, "leaders")
    same(found.filter((one) => one._tag === "Hit").length, 49, "hits")
  }),

  prove("7", "no early refresh while more freshness is left than asked for", function* (w) {
    yield* w.filled(w.here, value("v"))
    hits(yield* w.ask(w.there, w.key, { refreshWithin: w.time.long / 4 }), value("v"), "asking too early")
    holds((yield* w.here.read(w.key)).lease === undefined, "asking too early took a lease")
  }),

  prove("7", "the leader of a refresh gets the value, as stale for no time yet", function* (w) {
    yield* w.filled(w.here, value("v"))
    const found = leads(yield* w.ask(w.there, w.key, { refreshWithin: Infinity }), "refreshing")
    same(staleIs(found.stale, value("v"), "the refresher's value").staleFor, 0, "staleFor of a fresh value")
  }),

  prove("7", "the same owner asking again for a refresh still leads, with the same token", function* (w) {
    yield* w.filled(w.here, value("v"))
    const options = { owner: w.name(), refreshWithin: w.time.long * 2 }
    const token = yield* w.lead(w.here, w.key, options)
    same(yield* w.lead(w.there, w.key, options), token, "the token of the same owner asking again")
  }),

  prove("7", "a refresh fills the new value", function* (w) {
    yield* w.filled(w.here, value("old"))
    const token = yield* w.lead(w.there, w.key, { refreshWithin: Infinity })
    yield* w.fill(w.there, token, value("new"))
    hits(yield* w.ask(w.here), value("new"), "after the refresh")
  }),

  prove("7", "a refresh that is given up leaves the value, and another may refresh", function* (w) {
    yield* w.filled(w.here, value("v"))
    const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
    same(yield* w.here.abandon(w.key, { token }), true, "giving up")
    hits(yield* w.ask(w.there), value("v"), "after giving up")
    yield* w.lead(w.there, w.key, { refreshWithin: Infinity })
  }),

  prove("7", "a refresh that crashed leaves the value, and another may refresh when its lease ends", function* (w) {
    yield* w.filled(w.here, value("v"))
    const leaseFor = w.time.units(2)
    yield* w.lead(w.here, w.key, { refreshWithin: Infinity, leaseFor })
    yield* w.time.past(leaseFor)
    hits(yield* w.ask(w.there), value("v"), "after the crash")
    yield* w.lead(w.there, w.key, { refreshWithin: Infinity })
  }),

  prove("7", "a value without end is reported as endless, and is refreshed on request", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: Infinity, stale: 0 })
    same(hits(yield* w.ask(w.there), value("v"), "asking").freshFor, Infinity, "freshFor")
    same((yield* w.there.read(w.key)).keptFor, Infinity, "keptFor")
    yield* w.lead(w.there, w.key, { refreshWithin: Infinity })
    hits(yield* w.ask(w.here), value("v"), "another, while it is refreshed")
  }),

  prove("7", "a hit reports its true freshness and age", function* (w) {
    const fresh = w.time.units(100)
    const start = now()
    yield* w.filled(w.here, value("v"), { fresh, stale: 0 })
    const filled = now()
    yield* w.time.sleep(w.time.unit)
    const asked = now()
    const hit = hits(yield* w.time.inTime(start, fresh, w.ask(w.there)), value("v"), "asking")
    const [youngest, oldest] = [asked - filled - w.time.tolerance, now() - start + w.time.tolerance]
    between(hit.age, Math.max(0, youngest), oldest, "age")
    between(hit.freshFor, fresh - oldest, fresh - youngest, "freshFor")
  }),

  prove("11", "an expired value is never returned", function* (w) {
    const fresh = w.time.units(2)
    yield* w.filled(w.here, value("v"), { fresh, stale: 0 })
    yield* w.time.past(fresh)
    for (const peer of w.both) holds((yield* peer.read(w.key)).value === undefined, "read answers an expired value")
    noStale(leads(yield* w.ask(w.there), "asking for an expired value"), "the leader")
    noStale(follows(yield* w.ask(w.here), "another"), "the follower")
  }),

  prove("11", "a fresh value is a hit for its whole time", function* (w) {
    const fresh = w.time.units(5)
    const start = now()
    yield* w.filled(w.here, value("v"), { fresh, stale: 0 })
    for (let step = 0; step < 3; step++) {
      yield* w.time.sleep(w.time.unit)
      hits(yield* w.time.inTime(start, fresh, w.ask(w.there)), value("v"), "asking in time")
    }
  }),

  prove("11", "a stale value is gone at the end of its window, also for followers", function* (w) {
    const lifetime = { fresh: w.time.units(2), stale: w.time.units(3) }
    const start = now()
    yield* w.filled(w.here, value("v"), lifetime)
    yield* w.time.past(lifetime.fresh)
    yield* w.time.inTime(start, lifetime.fresh + lifetime.stale, w.lead(w.here))
    yield* w.time.past(lifetime.stale)
    noStale(follows(yield* w.ask(w.there), "another, while the load runs"), "the follower")
    holds((yield* w.there.read(w.key)).value === undefined, "read answers an expired value")
  }),

  prove("11", "a new fill, and a new put, live by their own lifetime only", function* (w) {
    const brief = { fresh: w.time.units(2), stale: 0 }
    const [one, two] = [w.name(), w.name()]
    yield* w.filled(w.here, value("long"), { fresh: w.time.long, stale: w.time.long }, one)
    yield* w.there.put(one, { value: value("brief"), lifetime: brief })
    yield* w.filled(w.here, value("long"), { fresh: w.time.long, stale: w.time.long }, two)
    const token = yield* w.lead(w.there, two, { force: true })
    yield* w.fill(w.there, token, value("brief"), brief, two)
    yield* w.time.past(brief.fresh)
    for (const key of [one, two]) noStale(leads(yield* w.ask(w.here, key), "asking for what expired"), "the leader")
  }),

  prove("11", "a longer lifetime replaces a shorter one", function* (w) {
    const brief = { fresh: w.time.units(2), stale: 0 }
    yield* w.filled(w.here, value("brief"), brief)
    yield* w.there.put(w.key, { value: value("long"), lifetime: w.longLife })
    yield* w.time.past(brief.fresh)
    hits(yield* w.ask(w.here), value("long"), "after the shorter lifetime")
  }),

  prove("11", "neither renewing nor asking prolongs a value", function* (w) {
    const lifetime = { fresh: w.time.units(2), stale: w.time.units(2) }
    yield* w.filled(w.here, value("v"), lifetime)
    const token = yield* w.lead(w.here, w.key, { force: true })
    yield* w.here.renew(w.key, { token, leaseFor: w.time.long })
    yield* w.ask(w.there)
    yield* w.time.past(lifetime.fresh + lifetime.stale)
    same(yield* w.here.renew(w.key, { token, leaseFor: w.time.long }), true, "renewing beside an expired value")
    holds((yield* w.there.read(w.key)).value === undefined, "read answers an expired value")
    noStale(follows(yield* w.ask(w.there), "another"), "the follower")
  }),

  prove("11", "a value filled with a lifetime of zero is never returned", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.fill(w.here, token, value("v"), { fresh: 0, stale: 0 })
    yield* w.time.past(0)
    holds((yield* w.there.read(w.key)).value === undefined, "read answers it")
    noStale(leads(yield* w.ask(w.there), "asking for it"), "the leader")
  }),

  prove("stale", "a stale value comes to the leader and to the follower", function* (w) {
    const lifetime = { fresh: w.time.units(2), stale: w.time.long }
    yield* w.filled(w.here, value("v"), lifetime)
    yield* w.time.past(lifetime.fresh)
    staleIs(leads(yield* w.ask(w.there), "the leader").stale, value("v"), "the leader's stale value")
    staleIs(follows(yield* w.ask(w.here), "another").stale, value("v"), "the follower's stale value")
  }),

  prove("stale", "a stale value comes with its true age", function* (w) {
    const lifetime = { fresh: w.time.units(2), stale: w.time.long }
    const start = now()
    yield* w.filled(w.here, value("v"), lifetime)
    const filled = now()
    yield* w.time.past(lifetime.fresh)
    const asked = now()
    const stale = staleIs(leads(yield* w.ask(w.there), "the leader").stale, value("v"), "the stale value")
    const [youngest, oldest] = [asked - filled - w.time.tolerance, now() - start + w.time.tolerance]
    between(stale.age, youngest, oldest, "age")
    between(stale.staleFor, Math.max(0, youngest - lifetime.fresh), oldest - lifetime.fresh, "staleFor")
  }),

  prove("stale", "a value that is stale from the start is never a hit", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    staleIs(leads(yield* w.ask(w.there), "the leader").stale, value("v"), "the stale value")
  }),

  prove("stale", "a stale value stays when its leader gives up or crashes", function* (w) {
    const lifetime = { fresh: 0, stale: w.time.long }
    yield* w.filled(w.here, value("v"), lifetime)
    yield* w.time.past(0)
    const token = yield* w.lead(w.here)
    yield* w.here.abandon(w.key, { token })
    const leaseFor = w.time.units(2)
    staleIs(leads(yield* w.ask(w.there, w.key, { leaseFor }), "next").stale, value("v"), "after giving up")
    yield* w.time.past(leaseFor)
    staleIs(leads(yield* w.ask(w.here), "next").stale, value("v"), "after the crash")
  }),

  prove("stale", "a stale value may be kept without end", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: 0, stale: Infinity })
    yield* w.time.past(0)
    same((yield* w.there.read(w.key)).keptFor, Infinity, "keptFor")
    staleIs(leads(yield* w.ask(w.there), "the leader").stale, value("v"), "the stale value")
  }),

  prove("stale", "a fill replaces the stale value with a hit", function* (w) {
    yield* w.filled(w.here, value("old"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    const token = yield* w.lead(w.there)
    yield* w.fill(w.there, token, value("new"))
    hits(yield* w.ask(w.here), value("new"), "after the fill")
  })
]

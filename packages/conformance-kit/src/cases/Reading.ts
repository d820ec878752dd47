/** The answers of `read`, `put` and `delete`. */
import { prove } from "../world/Case.ts"
import { between, hits, holds, same } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { value } from "../world/World.ts"

export const reading = [
  prove("read", "an absent key is reported as absent", function* (w) {
    for (const peer of w.both) {
      const found = yield* peer.read(w.key)
      same([found.freshFor, found.keptFor, found.age, found.took], [0, 0, 0, 0], "freshFor, keptFor, age and took")
      same([found.value, found.lease, found.cooling], [undefined, undefined, undefined], "value, lease and cooling")
    }
  }),

  prove("read", "a fresh value is reported with its times", function* (w) {
    const lifetime = { fresh: w.time.units(100), stale: w.time.units(50) }
    const start = now()
    yield* w.filled(w.here, value("v"), lifetime)
    const filled = now()
    yield* w.time.sleep(w.time.unit)
    const asked = now()
    const found = yield* w.time.inTime(start, lifetime.fresh, w.there.read(w.key))
    const [youngest, oldest] = [asked - filled - w.time.tolerance, now() - start + w.time.tolerance]
    same(found.value?.bytes, value("v").bytes, "the value")
    between(found.age, Math.max(0, youngest), oldest, "age")
    between(found.freshFor, lifetime.fresh - oldest, lifetime.fresh - youngest, "freshFor")
    const kept = lifetime.fresh + lifetime.stale
    between(found.keptFor, kept - oldest, kept - youngest, "keptFor")
    holds(found.lease === undefined && found.cooling === undefined, "a lease or a cooldown beside a filled value")
  }),

  prove("read", "a stale value is reported as stale", function* (w) {
    yield* w.filled(w.here, value("v"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    const found = yield* w.there.read(w.key)
    same(found.value?.bytes, value("v").bytes, "the value")
    same(found.freshFor, 0, "freshFor")
    between(found.keptFor, 1, w.time.long + w.time.tolerance, "keptFor")
  }),

  prove("read", "a lease is reported with its owner and its end", function* (w) {
    const owner = w.name()
    const leaseFor = w.time.units(100)
    const start = now()
    yield* w.lead(w.here, w.key, { owner, leaseFor })
    const found = yield* w.time.inTime(start, leaseFor, w.there.read(w.key))
    same(found.lease?.owner, owner, "the owner")
    between(found.lease?.endsIn ?? -1, 1, leaseFor + w.time.tolerance, "endsIn")
    same(found.value, undefined, "the value")
  }),

  prove("read", "a value and its refresh are reported together", function* (w) {
    const owner = w.name()
    yield* w.filled(w.here, value("v"))
    yield* w.lead(w.here, w.key, { owner, refreshWithin: Infinity })
    const found = yield* w.there.read(w.key)
    same(found.value?.bytes, value("v").bytes, "the value")
    same(found.lease?.owner, owner, "the owner")
  }),

  prove("read", "a lease that ended is not reported", function* (w) {
    const leaseFor = w.time.units(2)
    yield* w.lead(w.here, w.key, { leaseFor })
    yield* w.time.past(leaseFor)
    holds((yield* w.there.read(w.key)).lease === undefined, "read reports a lease that ended")
  }),

  prove("read", "reading changes nothing", function* (w) {
    for (const peer of w.both) yield* peer.read(w.key)
    const token = yield* w.lead(w.here)
    for (const peer of w.both) yield* peer.read(w.key)
    yield* w.fill(w.here, token, value("v"))
    for (const peer of w.both) yield* peer.read(w.key)
    hits(yield* w.ask(w.there), value("v"), "after reading")
  }),

  prove("put", "stores over nothing, over a value and over a stale one", function* (w) {
    yield* w.here.put(w.key, { value: value("one"), lifetime: { fresh: 0, stale: w.time.long } })
    yield* w.there.put(w.key, { value: value("two"), lifetime: w.longLife })
    hits(yield* w.ask(w.here), value("two"), "after the second put")
    yield* w.here.put(w.key, { value: value("three"), lifetime: w.longLife })
    hits(yield* w.ask(w.there), value("three"), "after the third put")
  }),

  prove("put", "is seen by the other peer with its lifetime", function* (w) {
    const lifetime = { fresh: w.time.units(100), stale: w.time.units(50) }
    const start = now()
    yield* w.here.put(w.key, { value: value("v"), lifetime })
    const found = yield* w.time.inTime(start, lifetime.fresh, w.there.read(w.key))
    between(found.freshFor, 1, lifetime.fresh + w.time.tolerance, "freshFor")
    between(found.keptFor - found.freshFor, lifetime.stale - 2, lifetime.stale + 2, "the stale window")
  }),

  prove("put", "delete answers whether there was a value", function* (w) {
    same(yield* w.here.delete(w.key), false, "deleting nothing")
    yield* w.filled(w.here, value("v"))
    same(yield* w.there.delete(w.key), true, "deleting a value")
    same(yield* w.here.delete(w.key), false, "deleting it again")
    yield* w.lead(w.here)
    same(yield* w.there.delete(w.key), false, "deleting a lease")
    yield* w.here.put(w.key, { value: value("v"), lifetime: { fresh: 0, stale: w.time.long } })
    yield* w.time.past(0)
    same(yield* w.there.delete(w.key), true, "deleting a stale value")
    yield* w.here.put(w.key, { value: value(""), lifetime: w.longLife })
    same(yield* w.there.delete(w.key), true, "deleting an empty value")
  }),

  prove("put", "delete of an expired value answers that there was none", function* (w) {
    const fresh = w.time.units(2)
    yield* w.here.put(w.key, { value: value("v"), lifetime: { fresh, stale: 0 } })
    yield* w.time.past(fresh)
    same(yield* w.there.delete(w.key), false, "deleting an expired value")
  }),

  prove("put", "delete takes the stale value too", function* (w) {
    yield* w.here.put(w.key, { value: value("v"), lifetime: { fresh: 0, stale: w.time.long } })
    yield* w.there.delete(w.key)
    const found = yield* w.here.read(w.key)
    same([found.value, found.keptFor], [undefined, 0], "the value and keptFor after a delete")
  })
]

/** Laws 1 and 2: the grant of a key. */
import * as Effect from "effect/Effect"
import { prove, race } from "../world/Case.ts"
import { count, follows, hits, holds, leads, same } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { value } from "../world/World.ts"

export const granting = [
  prove("1", "grants a missing key to the first, and makes the other peer follow", function* (w) {
    leads(yield* w.ask(w.here), "the first")
    follows(yield* w.ask(w.there), "the second")
  }),

  race("1", "grants a missing key to exactly one of fifty at once, twenty times", function* (w, key, round) {
    const found = yield* w.race(50, key)
    same(count(found, "Leader"), 1, `leaders of round ${round}`)
    same(count(found, "Follower"), 49, `followers of round ${round}`)
  }),

  race(
    "1",
    "grants an expired key to exactly one of fifty at once",
    function* (w, key) {
      const fresh = w.time.units(2)
      yield* w.filled(w.here, value("old"), { fresh, stale: 0 }, key)
      yield* w.time.past(fresh)
      same(count(yield* w.race(50, key), "Leader"), 1, "leaders")
    },
    { rounds: 1 }
  ),

  race(
    "1",
    "grants a deleted key to exactly one of fifty at once",
    function* (w, key) {
      yield* w.filled(w.here, value("old"), w.longLife, key)
      yield* w.there.delete(key)
      same(count(yield* w.race(50, key), "Leader"), 1, "leaders")
    },
    { rounds: 1 }
  ),

  prove("1", "grants different keys to different leaders at once", function* (w) {
    const keys = Array.from({ length: 20 }, () => w.name())
    const found = yield* Effect.forEach(keys, (key, index) => w.ask(w.both[index % 2 === 0 ? 0 : 1], key), {
      concurrency: "unbounded"
    })
    same(count(found, "Leader"), 20, "leaders of twenty keys")
  }),

  prove("1", "a fresh value is a hit for everyone, and grants nothing", function* (w) {
    yield* w.filled(w.here, value("v"))
    for (const peer of w.both) hits(yield* w.ask(peer), value("v"), "asking for a fresh value")
    same(count(yield* w.race(10), "Hit"), 10, "hits of ten at once")
    holds((yield* w.there.read(w.key)).lease === undefined, "a hit takes no lease")
  }),

  prove("2", "the same owner asking again still leads, with the same token", function* (w) {
    const owner = w.name()
    const first = yield* w.lead(w.here, w.key, { owner })
    same(yield* w.lead(w.here, w.key, { owner }), first, "the token of the same owner asking again")
  }),

  prove("2", "the same owner asking through the other peer still leads, and fills there", function* (w) {
    const owner = w.name()
    const first = yield* w.lead(w.here, w.key, { owner })
    const again = yield* w.lead(w.there, w.key, { owner })
    same(again, first, "the token through the other peer")
    yield* w.fill(w.there, again, value("v"))
  }),

  race(
    "2",
    "ten copies of one request at once make one lease",
    function* (w, key) {
      const owner = w.name()
      const tokens = yield* w.crowd(10, (peer) => w.lead(peer, key, { owner }))
      same(new Set(tokens).size, 1, "different tokens of one owner")
      yield* w.fill(w.here, tokens[0]!, value("v"), w.longLife, key)
    },
    { rounds: 1 }
  ),

  prove("2", "two owners on one peer are two flights", function* (w) {
    yield* w.lead(w.here)
    follows(yield* w.ask(w.here), "another owner on the same peer")
  }),

  prove("2", "owners that differ in any character are different owners", function* (w) {
    const owner = w.name()
    yield* w.lead(w.here, w.key, { owner })
    for (const other of [owner.toUpperCase(), `${owner} `, ` ${owner}`, `${owner}é`, owner.slice(0, -1)]) {
      if (other === owner) continue
      follows(
        yield* w.there.acquire(w.key, { owner: other, leaseFor: w.time.long }),
        `the owner ${JSON.stringify(other)}`
      )
    }
  }),

  prove("2", "an owner may hold any text", function* (w) {
    for (const owner of ["a:b|c", "{x}", "*?[]", 'it\'s "quoted"', "line\nbreak", "ß漢🙂", "%$\\"]) {
      const key = w.name()
      const token = yield* w.lead(w.here, key, { owner })
      same(yield* w.lead(w.there, key, { owner }), token, `the token of ${JSON.stringify(owner)}`)
      same((yield* w.there.read(key)).lease?.owner, owner, "the owner as read")
      yield* w.fill(w.here, token, value("v"), w.longLife, key)
    }
  }),

  prove("2", "asking again starts the lease's time again", function* (w) {
    const owner = w.name()
    const leaseFor = w.time.units(4)
    yield* w.lead(w.here, w.key, { owner, leaseFor })
    yield* w.time.sleep(w.time.units(2))
    const again = now()
    yield* w.time.inTime(again, leaseFor, w.lead(w.here, w.key, { owner, leaseFor }))
    yield* w.time.sleep(w.time.units(2) + w.time.tick)
    follows(yield* w.time.inTime(again, leaseFor, w.ask(w.there)), "another, after the first end of the lease")
  }),

  prove("2", "an owner whose lease ended is granted a new one, with a new token", function* (w) {
    const owner = w.name()
    const leaseFor = w.time.units(2)
    const old = yield* w.lead(w.here, w.key, { owner, leaseFor })
    yield* w.time.past(leaseFor)
    const next = yield* w.lead(w.here, w.key, { owner })
    holds(next !== old, "the new grant has the old token")
    same(
      yield* w.here.fill(w.key, { token: old, value: value("old"), lifetime: w.longLife }),
      false,
      "filling with the old"
    )
    yield* w.fill(w.here, next, value("new"))
  })
]

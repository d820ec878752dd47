/** Law 12, checked in the backend itself; and the records that `close` leaves. */

import * as Effect from "effect/Effect"
import { prove } from "../world/Case.ts"
import { follows, hits, holds, leads, same } from "../world/Expect.ts"
import { value, type World } from "../world/World.ts"

/** Some backends have a shortest expiry, and some keep a record a little longer than it matters. */
const grace = 15 * 60_000

const expiring = Effect.fnUntraced(function* (w: World, atMost: number, after: string) {
  for (const record of yield* w.records!(w.key)) {
    holds(record.expiresIn !== Infinity, `after ${after}, the record ${record.name} never expires`)
    holds(
      record.expiresIn <= atMost + grace,
      `after ${after}, the record ${record.name} expires in ${record.expiresIn} ms, where ${atMost} matter`
    )
  }
})

const needs = { needs: "records" } as const

/** Closing a peer closes it for every case that uses it. */
const closing = { needs: "close", alone: true } as const

export const records = [
  prove(
    "12",
    "every record of a leased, filled, cooling or stale key expires by itself",
    function* (w) {
      const lifetime = { fresh: w.time.long, stale: w.time.long }
      const kept = lifetime.fresh + lifetime.stale
      const token = yield* w.lead(w.here)
      yield* expiring(w, w.time.long, "an acquire")
      yield* w.here.renew(w.key, { token, leaseFor: w.time.long })
      yield* expiring(w, w.time.long, "a renew")
      yield* w.fill(w.here, token, value("v"), lifetime)
      yield* expiring(w, kept, "a fill")
      const refresh = yield* w.lead(w.here, w.key, { force: true })
      yield* expiring(w, kept, "a forced acquire")
      yield* w.here.abandon(w.key, { token: refresh, cooldown: w.time.long, cause: value("why") })
      yield* expiring(w, kept, "an abandon with a cooldown")
      yield* w.there.put(w.key, { value: value("v"), lifetime })
      yield* expiring(w, kept, "a put")
      yield* w.there.delete(w.key)
      yield* expiring(w, 0, "a delete")
    },
    needs
  ),

  prove(
    "12",
    "a lease or a cooldown over an endless value leaves no endless record of its own",
    function* (w) {
      yield* w.here.put(w.key, { value: value("v"), lifetime: { fresh: Infinity, stale: 0 } })
      const before = (yield* w.records!(w.key)).filter((record) => record.expiresIn === Infinity).length
      const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
      yield* w.here.abandon(w.key, { token, cooldown: w.time.long })
      const after = (yield* w.records!(w.key)).filter((record) => record.expiresIn === Infinity).length
      holds(after <= before, `${after - before} more records never expire than the value needs`)
      hits(yield* w.ask(w.there), value("v"), "the endless value")
      yield* w.there.delete(w.key)
      yield* expiring(w, 0, "a delete of an endless value")
    },
    needs
  ),

  prove(
    "12",
    "a touch and a fill without a value set what the backend itself will collect, and when",
    function* (w) {
      const endless = { fresh: Infinity, stale: 0 }
      yield* w.here.put(w.key, { value: value("v"), lifetime: endless })
      yield* w.there.touch(w.key, { freshFor: w.time.long })
      yield* expiring(w, w.time.long, "a touch that ended an endless value")
      yield* w.there.touch(w.key, { freshFor: Infinity })
      const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
      yield* w.refill(w.here, token)
      yield* expiring(w, w.time.long, "a fill without a value that ended an endless one")
      yield* w.there.delete(w.key)
      yield* w.there.touch(w.key, { freshFor: Infinity })
      yield* expiring(w, 0, "a touch of a deleted value")
      const missing = yield* w.lead(w.here)
      same(yield* w.here.fill(w.key, { token: missing, lifetime: endless }), false, "a fill without a value of nothing")
      yield* expiring(w, w.time.long, "a fill without a value of nothing")
    },
    needs
  ),

  prove(
    "12",
    "a crashed leader's record goes with its lease",
    function* (w) {
      const leaseFor = w.time.units(2)
      yield* w.lead(w.here, w.key, { leaseFor })
      yield* expiring(w, leaseFor, "an acquire")
    },
    needs
  ),

  prove(
    "close",
    "closing twice and using again works, and the other peer never notices",
    function* (w) {
      const token = yield* w.lead(w.there)
      yield* w.here.close!
      yield* w.here.close!
      follows(yield* w.ask(w.here), "the closed peer, used again")
      yield* w.fill(w.there, token, value("v"))
      hits(yield* w.ask(w.here), value("v"), "the closed peer, used again")
      yield* w.here.close!
      hits(yield* w.ask(w.there), value("v"), "the other peer")
    },
    closing
  ),

  prove(
    "close",
    "a lease outlives the adapter that took it, and its owner finds it again",
    function* (w) {
      const owner = w.name()
      const token = yield* w.lead(w.here, w.key, { owner })
      yield* w.here.close!
      follows(yield* w.ask(w.there), "another")
      holds(leads(yield* w.ask(w.here, w.key, { owner }), "the owner").token === token, "the token changed")
      yield* w.fill(w.here, token, value("v"))
    },
    closing
  ),

  prove(
    "close",
    "a watch after close is live again",
    function* (w) {
      if (w.here.watch === undefined) return
      yield* Effect.scoped(w.here.watch(w.key))
      yield* w.here.close!
      const waiting = yield* w.here.watch(w.key)
      yield* w.there.put(w.key, { value: value("v"), lifetime: w.longLife })
      yield* Effect.timeout(waiting, 5000)
    },
    closing
  )
]

/** Laws 3 and 4: the duration of a lease, and the validity of a token. */
import { type Adapter, Token } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { prove } from "../world/Case.ts"
import { between, follows, hits, holds, noStale, same } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { value, type World } from "../world/World.ts"

/** No verb that needs a lease accepts the token, and none changes the entry. */
const worthless = Effect.fnUntraced(function* (w: World, peer: Adapter, token: Token, what: string, key = w.key) {
  const before = yield* peer.read(key)
  const late = { token, value: value("late"), lifetime: w.longLife }
  same(yield* peer.fill(key, late), false, `fill with ${what}`)
  same(yield* peer.fill(key, { token, lifetime: w.longLife }), false, `fill without a value, with ${what}`)
  same(yield* peer.renew(key, { token, leaseFor: w.time.long }), false, `renew with ${what}`)
  same(yield* peer.abandon(key, { token }), false, `abandon with ${what}`)
  same(yield* peer.abandon(key, { token, cooldown: w.time.long }), false, `abandon and cool down with ${what}`)
  const after = yield* peer.read(key)
  same(after.value?.bytes, before.value?.bytes, `the value after ${what} was used`)
  same(after.lease?.owner, before.lease?.owner, `the leader after ${what} was used`)
  holds(after.cooling === undefined, `${what} began a cooldown`)
})

export const leases = [
  prove("3", "a lease ends when its time is up, and another leads", function* (w) {
    const leaseFor = w.time.units(2)
    yield* w.lead(w.here, w.key, { leaseFor })
    yield* w.time.past(leaseFor)
    yield* w.lead(w.there)
  }),

  prove("3", "a lease that ended is lost, even if nobody took it", function* (w) {
    const leaseFor = w.time.units(2)
    const token = yield* w.lead(w.here, w.key, { leaseFor })
    yield* w.time.past(leaseFor)
    yield* worthless(w, w.here, token, "an ended lease")
    holds((yield* w.there.read(w.key)).value === undefined, "the late fill left a value")
  }),

  prove("3", "a lease lasts its time, however often others ask", function* (w) {
    const leaseFor = w.time.units(5)
    const start = now()
    yield* w.lead(w.here, w.key, { leaseFor })
    for (let step = 0; step < 3; step++) {
      yield* w.time.sleep(w.time.unit)
      follows(yield* w.time.inTime(start, leaseFor, w.ask(w.there)), "another, while the lease lasts")
    }
    yield* w.time.past(start + leaseFor - now())
    yield* w.lead(w.there)
  }),

  prove("3", "a follower gets the true end of the lease", function* (w) {
    const leaseFor = w.time.units(100)
    const start = now()
    yield* w.lead(w.here, w.key, { leaseFor })
    const granted = now()
    yield* w.time.sleep(w.time.unit)
    const asked = now()
    const found = follows(yield* w.time.inTime(start, leaseFor, w.ask(w.there)), "another")
    const { tolerance } = w.time
    const [least, most] = [leaseFor - (now() - start) - tolerance, leaseFor - (asked - granted) + tolerance]
    between(found.leaseEndsIn, least, most, "leaseEndsIn")
  }),

  prove("3", "renew starts the lease's time again", function* (w) {
    const leaseFor = w.time.units(4)
    const start = now()
    const token = yield* w.lead(w.here, w.key, { leaseFor })
    yield* w.time.sleep(w.time.units(2))
    const renewed = now()
    same(yield* w.time.inTime(start, leaseFor, w.here.renew(w.key, { token, leaseFor })), true, "renewing in time")
    yield* w.time.sleep(w.time.units(2) + w.time.tick)
    follows(yield* w.time.inTime(renewed, leaseFor, w.ask(w.there)), "another, after the first end of the lease")
    yield* w.time.past(leaseFor)
    yield* w.lead(w.there)
  }),

  prove("3", "renew may also end a lease sooner", function* (w) {
    const token = yield* w.lead(w.here)
    const leaseFor = w.time.units(2)
    same(yield* w.here.renew(w.key, { token, leaseFor }), true, "renewing")
    yield* w.time.past(leaseFor)
    yield* w.lead(w.there)
    yield* worthless(w, w.here, token, "a token renewed for a short time")
  }),

  prove("3", "a renewed leader fills", function* (w) {
    const token = yield* w.lead(w.here, w.key, { leaseFor: w.time.long })
    for (const peer of [w.here, w.there, w.here]) {
      same(yield* peer.renew(w.key, { token, leaseFor: w.time.long }), true, "renewing through either peer")
    }
    yield* w.fill(w.here, token, value("v"))
    hits(yield* w.ask(w.there), value("v"), "after the fill")
  }),

  prove("4", "a token that was never granted is worth nothing", function* (w) {
    for (const token of [
      "",
      "0",
      "1",
      "never granted",
      "*",
      "%",
      "null",
      "undefined",
      "' or '1'='1",
      "a:b:c|d",
      "ß🙂"
    ]) {
      yield* worthless(w, w.here, Token(token), `the token ${JSON.stringify(token)} on a missing key`)
    }
    const token = yield* w.lead(w.here)
    yield* worthless(w, w.there, Token("never granted"), "a token that was never granted")
    yield* worthless(w, w.there, Token(""), "an empty token")
    yield* w.fill(w.here, token, value("v"))
    yield* worthless(w, w.there, Token(""), "an empty token beside a value")
  }),

  prove("4", "the token of one key is worth nothing on another", function* (w) {
    const [one, two] = [w.name(), w.name()]
    const token = yield* w.lead(w.here, one)
    const other = yield* w.lead(w.here, two)
    yield* worthless(w, w.there, token, "another key's token", two)
    yield* w.fill(w.here, other, value("two"), w.longLife, two)
    yield* w.fill(w.here, token, value("one"), w.longLife, one)
    hits(yield* w.ask(w.there, one), value("one"), "the first key")
    hits(yield* w.ask(w.there, two), value("two"), "the second key")
  }),

  prove("4", "an old token is worth nothing beside a new leader", function* (w) {
    const leaseFor = w.time.units(2)
    const old = yield* w.lead(w.here, w.key, { leaseFor })
    yield* w.time.past(leaseFor)
    const next = yield* w.lead(w.there)
    yield* worthless(w, w.here, old, "the old leader's token")
    follows(yield* w.ask(w.here), "another, after the old leader came back")
    yield* w.fill(w.there, next, value("new"))
  }),

  prove("4", "a token is used up by its fill", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.fill(w.here, token, value("first"))
    yield* worthless(w, w.here, token, "a token that has filled")
    hits(yield* w.ask(w.there), value("first"), "what the token filled")
  }),

  prove("4", "a token is used up by its abandon", function* (w) {
    const token = yield* w.lead(w.here)
    same(yield* w.here.abandon(w.key, { token }), true, "abandoning")
    yield* worthless(w, w.here, token, "a token that was given back")
    noStale(yield* w.ask(w.there), "after the abandon")
  }),

  prove("4", "a fill that is held ends the lease", function* (w) {
    const token = yield* w.lead(w.here)
    yield* w.fill(w.there, token, value("v"))
    for (const peer of w.both) holds((yield* peer.read(w.key)).lease === undefined, "the lease outlives its fill")
  })
]

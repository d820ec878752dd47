/** `took`: the duration of a value's load, from the grant of its lease to its fill. */
import type { Adapter, Value } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { prove as proveAny, type Steps } from "../world/Case.ts"
import { between, follows, hits, leads, same, staleIs } from "../world/Expect.ts"
import { now } from "../world/Time.ts"
import { value, type World } from "../world/World.ts"

const prove = (name: string, steps: Steps) => proveAny("took", name, steps)

/** The age that both peers report of a fresh value, by `acquire` and by `read`: one number. */
const toldOf = Effect.fnUntraced(function* (w: World, given: Value) {
  const took = hits(yield* w.ask(w.here), given, "asking").took
  for (const peer of w.both) {
    same(hits(yield* w.ask(peer), given, "asking again").took, took, "took of a hit, reported again")
    same((yield* peer.read(w.key)).took, took, "took, as read")
  }
  return took
})

/** A load that lasts some units of time, with the least and the most that may be reported for it. */
const loading = Effect.fnUntraced(function* (w: World, peer: Adapter, units: number) {
  const asked = now()
  const token = yield* w.lead(peer, w.key, { refreshWithin: Infinity })
  const granted = now()
  yield* w.time.sleep(w.time.units(units))
  return {
    token,
    /** Called before the fill and after it. */
    bounds: () => {
      const least = now() - granted - w.time.tolerance
      return () => [Math.max(0, least), now() - asked + w.time.tolerance] as const
    }
  }
})

export const durations = [
  prove("what was put took no time, fresh and stale", function* (w) {
    yield* w.time.sleep(w.time.unit)
    yield* w.here.put(w.key, { value: value("v"), lifetime: w.longLife })
    same(yield* toldOf(w, value("v")), 0, "took of what was put")
    const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
    yield* w.time.sleep(w.time.units(3))
    yield* w.there.put(w.key, { value: value("over a load"), lifetime: w.longLife })
    same(yield* toldOf(w, value("over a load")), 0, "took of what was put while another loaded")
    same(yield* w.here.fill(w.key, { token, value: value("late"), lifetime: w.longLife }), false, "the late fill")
    yield* w.there.put(w.key, { value: value("s"), lifetime: { fresh: 0, stale: w.time.long } })
    yield* w.time.past(0)
    same((yield* w.here.read(w.key)).took, 0, "took of a stale value that was put, as read")
    same(staleIs(leads(yield* w.ask(w.here), "asking").stale, value("s"), "stale").took, 0, "took of a stale value")
  }),

  prove("where there is no value nothing took any time", function* (w) {
    same((yield* w.here.read(w.key)).took, 0, "took of a missing key")
    const fresh = w.time.units(2)
    const { token } = yield* loading(w, w.here, 2)
    same((yield* w.there.read(w.key)).took, 0, "took of a leased key")
    yield* w.fill(w.here, token, value("v"), { fresh, stale: 0 })
    yield* w.time.past(fresh)
    same((yield* w.there.read(w.key)).took, 0, "took of an expired value")
    yield* w.filled(w.here, value("v"))
    yield* w.there.delete(w.key)
    same((yield* w.here.read(w.key)).took, 0, "took of a deleted value")
  }),

  prove("both peers report how long the load of a filled value took", function* (w) {
    for (const filler of [w.here, w.there]) {
      const { bounds, token } = yield* loading(w, w.here, 4)
      const after = bounds()
      yield* w.fill(filler, token, value("v"))
      const [least, most] = after()
      between(yield* toldOf(w, value("v")), least, most, "took")
    }
  }),

  prove("the leader and the follower get it with a stale value", function* (w) {
    const { bounds, token } = yield* loading(w, w.here, 4)
    const after = bounds()
    yield* w.fill(w.here, token, value("v"), { fresh: 0, stale: w.time.long })
    const [least, most] = after()
    yield* w.time.past(0)
    const led = staleIs(leads(yield* w.ask(w.there), "the leader").stale, value("v"), "the leader's stale value")
    between(led.took, least, most, "took")
    const followed = staleIs(follows(yield* w.ask(w.here), "another").stale, value("v"), "the follower's stale value")
    same(followed.took, led.took, "took of the follower's stale value")
    same((yield* w.here.read(w.key)).took, led.took, "took, as read")
  }),

  prove("neither a renewal nor the same owner asking again begins the load anew", function* (w) {
    const owner = w.name()
    const asked = now()
    const token = yield* w.lead(w.here, w.key, { owner })
    const granted = now()
    yield* w.time.sleep(w.time.units(3))
    same(yield* w.here.renew(w.key, { token, leaseFor: w.time.long / 2 }), true, "renewing")
    yield* w.time.sleep(w.time.units(3))
    same(yield* w.lead(w.there, w.key, { owner }), token, "the token of the same owner asking again")
    yield* w.time.sleep(w.time.units(3))
    const least = now() - granted - w.time.tolerance
    yield* w.fill(w.here, token, value("v"))
    between(yield* toldOf(w, value("v")), least, now() - asked + w.time.tolerance, "took")
  }),

  prove("a load is counted from its own lease, not from one before it", function* (w) {
    const leaseFor = w.time.units(4)
    yield* w.lead(w.here, w.key, { leaseFor })
    yield* w.time.past(leaseFor)
    const abandoned = yield* loading(w, w.there, 4)
    same(yield* w.there.abandon(w.key, { token: abandoned.token }), true, "abandoning")
    const asked = now()
    yield* w.filled(w.there, value("v"))
    between(yield* toldOf(w, value("v")), 0, now() - asked + w.time.tolerance, "took, after a crash and an abandon")
    const slow = yield* loading(w, w.here, 4)
    const forced = now()
    const token = yield* w.lead(w.there, w.key, { force: true })
    yield* w.fill(w.there, token, value("w"))
    between(yield* toldOf(w, value("w")), 0, now() - forced + w.time.tolerance, "took of a forced load")
    same(yield* w.here.fill(w.key, { token: slow.token, value: value("late"), lifetime: w.longLife }), false, "late")
  }),

  prove("a refresh takes its own time, with a value and without", function* (w) {
    yield* w.filled(w.here, value("old"))
    const refresh = yield* loading(w, w.there, 4)
    const refreshed = refresh.bounds()
    yield* w.fill(w.there, refresh.token, value("new"))
    between(yield* toldOf(w, value("new")), ...refreshed(), "took of the refresh")
    const again = yield* loading(w, w.here, 9)
    const unchanged = again.bounds()
    yield* w.refill(w.here, again.token)
    between(yield* toldOf(w, value("new")), ...unchanged(), "took of the fill without a value")
  })
]

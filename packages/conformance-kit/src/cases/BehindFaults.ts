/**
 * Every verb can be repeated by a peer that lost a reply or a request, or that sent a copy.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { type Fault, scripted } from "../testing/Faults.ts"
import { prove as proveAny, type Steps } from "../world/Case.ts"
import { follows, hits, holds, same } from "../world/Expect.ts"
import { value, type World } from "../world/World.ts"

const prove = (name: string, steps: Steps) => proveAny("faults", name, steps)

/** A peer that loses the messages that a case names. */
const behind = (w: World) => {
  const { adapter, next } = scripted(w.here)
  const failing = <A>(operation: Operation, fault: Fault, verb: Effect.Effect<A, AdapterError>) =>
    Effect.suspend(() => {
      next(operation, fault)
      return Effect.map(Effect.flip(verb), (error) => same(error.reason, "Unavailable", "the caller's failure"))
    })
  return { peer: adapter, next, failing }
}

export const behindFaults = [
  prove("acquire, its reply lost: the same owner asks again and leads", function* (w) {
    const { failing, peer } = behind(w)
    const owner = w.name()
    yield* failing("acquire", "lose-reply", w.ask(peer, w.key, { owner }))
    follows(yield* w.ask(w.there), "another, in between")
    const token = yield* w.lead(peer, w.key, { owner })
    yield* w.fill(peer, token, value("v"))
    hits(yield* w.ask(w.there), value("v"), "another, at the end")
  }),

  prove("acquire, its request lost: another leads", function* (w) {
    const { failing, peer } = behind(w)
    yield* failing("acquire", "lose-request", w.ask(peer))
    yield* w.lead(w.there)
  }),

  prove("acquire, sent twice: one lease, one token", function* (w) {
    const { next, peer } = behind(w)
    next("acquire", "duplicate")
    const token = yield* w.lead(peer)
    follows(yield* w.ask(w.there), "another")
    yield* w.fill(peer, token, value("v"))
  }),

  prove("acquire forced, its reply lost: asked again, it leads and fills", function* (w) {
    const { failing, peer } = behind(w)
    const old = yield* w.lead(w.there)
    const owner = w.name()
    yield* failing("acquire", "lose-reply", w.ask(peer, w.key, { owner, force: true }))
    const token = yield* w.lead(peer, w.key, { owner, force: true })
    same(yield* w.there.fill(w.key, { token: old, value: value("old"), lifetime: w.longLife }), false, "the old fill")
    yield* w.fill(peer, token, value("v"))
  }),

  prove("fill, its reply lost: the value is there, and asked again it is not held", function* (w) {
    const { failing, peer } = behind(w)
    const token = yield* w.lead(peer)
    const fill = peer.fill(w.key, { token, value: value("v"), lifetime: w.longLife })
    yield* failing("fill", "lose-reply", fill)
    hits(yield* w.ask(w.there), value("v"), "another, in between")
    same(yield* fill, false, "the fill asked again")
    hits(yield* w.ask(w.there), value("v"), "another, at the end")
  }),

  prove("fill, its request lost: asked again it is held", function* (w) {
    const { failing, peer } = behind(w)
    const token = yield* w.lead(peer)
    const fill = peer.fill(w.key, { token, value: value("v"), lifetime: w.longLife })
    yield* failing("fill", "lose-request", fill)
    follows(yield* w.ask(w.there), "another, in between")
    same(yield* fill, true, "the fill asked again")
  }),

  prove("fill, a copy of it late: neither a delete nor the next load is undone", function* (w) {
    const { next, peer } = behind(w)
    const token = yield* w.lead(peer)
    const late = w.time.units(3)
    next("fill", { duplicateAfter: late })
    yield* w.fill(peer, token, value("copied"))
    yield* w.there.delete(w.key)
    const after = yield* w.lead(w.there)
    yield* w.time.past(late)
    follows(yield* w.ask(w.here), "another, after the copy came")
    yield* w.fill(w.there, after, value("next"))
    hits(yield* w.ask(w.here), value("next"), "at the end")
  }),

  prove("fill, delayed beyond its lease: it is lost, and the next load stands", function* (w) {
    const { next, peer } = behind(w)
    const leaseFor = w.time.units(2)
    const token = yield* w.lead(peer, w.key, { leaseFor })
    next("fill", { delayRequest: leaseFor + w.time.unit + w.time.tick })
    same(yield* peer.fill(w.key, { token, value: value("late"), lifetime: w.longLife }), false, "the late fill")
    yield* w.filled(w.there, value("next"))
    hits(yield* w.ask(w.here), value("next"), "at the end")
  }),

  prove("fill without a value, its reply lost: it has happened, and asked again it is not held", function* (w) {
    const { failing, peer } = behind(w)
    yield* w.filled(w.there, value("v"), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    const token = yield* w.lead(peer)
    const fill = peer.fill(w.key, { token, lifetime: w.longLife })
    yield* failing("fill", "lose-reply", fill)
    hits(yield* w.ask(w.there), value("v"), "another, in between")
    same(yield* fill, false, "the fill asked again")
    hits(yield* w.ask(w.there), value("v"), "another, at the end")
  }),

  prove("fill without a value, a copy of it late: neither a delete nor the next load is undone", function* (w) {
    const { next, peer } = behind(w)
    yield* w.filled(w.there, value("v"))
    const token = yield* w.lead(peer, w.key, { refreshWithin: Infinity })
    const late = w.time.units(3)
    next("fill", { duplicateAfter: late })
    yield* w.refill(peer, token)
    yield* w.there.delete(w.key)
    const after = yield* w.lead(w.there)
    yield* w.time.past(late)
    follows(yield* w.ask(w.here), "another, after the copy came")
    yield* w.fill(w.there, after, value("next"))
    hits(yield* w.ask(w.here), value("next"), "at the end")
  }),

  prove("touch, its reply or its request lost: asked again it touches", function* (w) {
    const { failing, peer } = behind(w)
    yield* w.filled(w.there, value("v"))
    const touch = peer.touch(w.key, { freshFor: 4 * w.time.long })
    for (const fault of ["lose-reply", "lose-request"] as const) {
      yield* failing("touch", fault, touch)
      same(yield* touch, true, "the touch asked again")
      holds((yield* w.there.read(w.key)).freshFor > 3 * w.time.long, "the touch asked again did nothing")
    }
  }),

  prove("touch, delayed beyond the freshness: it finds nothing fresh, and brings nothing back", function* (w) {
    const { next, peer } = behind(w)
    const fresh = w.time.units(2)
    yield* w.filled(w.there, value("v"), { fresh, stale: w.time.long })
    next("touch", { delayRequest: fresh + w.time.unit + w.time.tick })
    same(yield* peer.touch(w.key, { freshFor: w.time.long }), false, "the late touch")
    same((yield* w.there.read(w.key)).freshFor, 0, "freshFor after the late touch")
  }),

  prove("abandon, its reply lost: another leads, and asked again it takes nothing", function* (w) {
    const { failing, peer } = behind(w)
    const token = yield* w.lead(peer)
    yield* failing("abandon", "lose-reply", peer.abandon(w.key, { token }))
    const after = yield* w.lead(w.there)
    same(yield* peer.abandon(w.key, { token, cooldown: w.time.long }), false, "the abandon asked again")
    yield* w.fill(w.there, after, value("v"))
  }),

  prove("abandon, its request lost: the key is free when the lease ends", function* (w) {
    const { failing, peer } = behind(w)
    const leaseFor = w.time.units(2)
    const token = yield* w.lead(peer, w.key, { leaseFor })
    yield* failing("abandon", "lose-request", peer.abandon(w.key, { token }))
    yield* w.time.past(leaseFor)
    yield* w.lead(w.there)
  }),

  prove("renew, its reply lost: asked again it is still held", function* (w) {
    const { failing, peer } = behind(w)
    const token = yield* w.lead(peer)
    const renew = peer.renew(w.key, { token, leaseFor: w.time.long })
    yield* failing("renew", "lose-reply", renew)
    same(yield* renew, true, "the renew asked again")
    yield* w.fill(peer, token, value("v"))
  }),

  prove("renew, a copy of it late: an ended lease stays ended", function* (w) {
    const { next, peer } = behind(w)
    const token = yield* w.lead(peer)
    const late = w.time.units(2)
    next("renew", { duplicateAfter: late })
    same(yield* peer.renew(w.key, { token, leaseFor: w.time.long }), true, "the renew")
    yield* peer.abandon(w.key, { token })
    yield* w.time.past(late)
    holds((yield* w.there.read(w.key)).lease === undefined, "the copy brought the lease back")
    yield* w.lead(w.there)
  }),

  prove("delete, its reply lost: asked again it finds nothing", function* (w) {
    const { failing, peer } = behind(w)
    yield* w.filled(w.there, value("v"))
    yield* failing("delete", "lose-reply", peer.delete(w.key))
    holds((yield* w.there.read(w.key)).value === undefined, "the value is still there")
    same(yield* peer.delete(w.key), false, "the delete asked again")
  }),

  prove("put, its reply lost: asked again the value is there, once", function* (w) {
    const { failing, peer } = behind(w)
    const put = peer.put(w.key, { value: value("v"), lifetime: w.longLife })
    yield* failing("put", "lose-reply", put)
    hits(yield* w.ask(w.there), value("v"), "another, in between")
    yield* put
    hits(yield* w.ask(w.there), value("v"), "another, at the end")
    same(yield* w.there.delete(w.key), true, "deleting it")
    same(yield* w.there.delete(w.key), false, "deleting it again")
  }),

  prove("every verb sent twice: the story ends as if each were sent once", function* (w) {
    const { next, peer } = behind(w)
    for (const operation of ["acquire", "renew", "fill", "touch", "put", "abandon", "read"] as const)
      next(operation, "duplicate")
    const token = yield* w.lead(peer)
    same(yield* peer.renew(w.key, { token, leaseFor: w.time.long }), true, "renew")
    yield* w.fill(peer, token, value("v"))
    same(yield* peer.touch(w.key, { freshFor: w.time.long }), true, "touch")
    same((yield* peer.read(w.key)).value?.bytes, value("v").bytes, "read")
    yield* peer.put(w.key, { value: value("put"), lifetime: w.longLife })
    const refresh = yield* w.lead(peer, w.key, { refreshWithin: Infinity })
    same(yield* peer.abandon(w.key, { token: refresh }), true, "abandon")
    hits(yield* w.ask(w.there), value("put"), "at the end")
    next("delete", "duplicate")
    same(yield* peer.delete(w.key), true, "delete")
    yield* w.lead(w.there)
  })
]

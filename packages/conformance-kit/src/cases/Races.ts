/** Races of verbs, at once and often: the laws hold in any order. */
import * as Effect from "effect/Effect"
import { race } from "../world/Case.ts"
import { count, hits, holds, same } from "../world/Expect.ts"
import { value, type World } from "../world/World.ts"

const filling = (w: World, key: string) =>
  Effect.map(w.lead(w.here, key), (token) => w.here.fill(key, { token, value: value("load"), lifetime: w.longLife }))

/** All peers except the first, each once. */
const others = <A, E>(w: World, call: (peer: World["here"]) => Effect.Effect<A, E>) =>
  Effect.forEach(w.peers.slice(1), call, { concurrency: "unbounded" })

export const races = [
  race("5", "a fill against a delete: the delete wins", function* (w, key, round) {
    const fill = yield* filling(w, key)
    const deletes = others(w, (peer) => peer.delete(key))
    const [held, existed] = yield* w.together(round, fill, deletes)
    w.outcomes.add(`held: ${held}`)
    same(existed.filter(Boolean).length, held ? 1 : 0, "deletes that found what the fill says it left")
    holds((yield* w.here.read(key)).value === undefined, `a value after fill and delete, in round ${round}`)
  }),

  race("5", "a fill against a put: the put wins", function* (w, key, round) {
    const fill = yield* filling(w, key)
    yield* w.together(round, fill, w.there.put(key, { value: value("put"), lifetime: w.longLife }))
    hits(yield* w.ask(w.here, key), value("put"), `after fill and put, in round ${round}`)
  }),

  race("5", "a renew against a delete: the lease is void", function* (w, key, round) {
    const token = yield* w.lead(w.here, key)
    yield* w.together(round, w.here.renew(key, { token, leaseFor: w.time.long }), w.there.delete(key))
    same(yield* w.here.renew(key, { token, leaseFor: w.time.long }), false, "renewing after both")
    yield* w.lead(w.there, key)
  }),

  race("4", "two fills with one token at once: exactly one is held, and its value stays", function* (w, key, round) {
    const token = yield* w.lead(w.here, key)
    const fill = (peer: typeof w.here, text: string) =>
      peer.fill(key, { token, value: value(text), lifetime: w.longLife })
    const [one, two] = yield* w.together(round, fill(w.here, "one"), fill(w.there, "two"))
    same([one, two].filter(Boolean).length, 1, "fills that were held")
    hits(yield* w.ask(w.there, key), value(one ? "one" : "two"), "the value of the fill that was held")
  }),

  race("4", "a fill against an abandon with one token: exactly one is held", function* (w, key, round) {
    const token = yield* w.lead(w.here, key)
    const fill = w.here.fill(key, { token, value: value("v"), lifetime: w.longLife })
    const [filled, abandoned] = yield* w.together(round, fill, w.there.abandon(key, { token }))
    holds(filled !== abandoned, `fill answered ${filled} and abandon ${abandoned}`)
    same((yield* w.here.read(key)).value !== undefined, filled, "whether there is a value")
  }),

  race(
    "3",
    "a fill against the end of its lease: either it is held, or another leads",
    function* (w, key, round) {
      const leaseFor = w.time.unit
      const token = yield* w.lead(w.here, key, { leaseFor })
      // Around the end, now before it and now after.
      yield* w.time.sleep(Math.max(0, leaseFor - 5 + (round % 10)))
      const fill = w.here.fill(key, { token, value: value("v"), lifetime: w.longLife })
      const asked = others(w, (peer) => Effect.map(w.ask(peer, key), (found) => [peer, found] as const))
      const [held, answers] = yield* w.together(round, fill, asked)
      w.outcomes.add(`held: ${held}`)
      const led = answers.flatMap(([peer, found]) => (found._tag === "Leader" ? [[peer, found.token] as const] : []))
      holds(led.length + (held ? 1 : 0) <= 1, `the fill was held: ${held}, and ${led.length} others lead`)
      for (const [peer, next] of led) {
        same(yield* peer.fill(key, { token: next, value: value("next"), lifetime: w.longLife }), true, "the next fill")
        const late = { token, value: value("late"), lifetime: w.longLife }
        same(yield* w.here.fill(key, late), false, "a fill by the lease that ended")
      }
      if (held || led.length > 0) hits(yield* w.ask(w.here, key), value(held ? "v" : "next"), "at the end")
    },
    { rounds: 10 }
  ),

  race("6", "an abandon against ten that ask: never two leaders, and never none afterwards", function* (w, key, round) {
    const token = yield* w.lead(w.here, key)
    const [held, found] = yield* w.together(round, w.here.abandon(key, { token }), w.race(10, key))
    same(held, true, "the abandon")
    const leaders = count(found, "Leader")
    holds(leaders <= 1, `${leaders} leaders after one abandon`)
    if (leaders === 0) yield* w.lead(w.there, key)
  }),

  race("1", "ten that ask against a put: after it everyone hits", function* (w, key, round) {
    const put = w.there.put(key, { value: value("put"), lifetime: w.longLife })
    const [, found] = yield* w.together(round, put, w.race(10, key))
    holds(count(found, "Leader") <= 1, "two leaders")
    for (const led of found) {
      if (led._tag !== "Leader") continue
      const late = { token: led.token, value: value("late"), lifetime: w.longLife }
      same(yield* w.here.fill(key, late), false, "the fill of one who led before the put")
    }
    hits(yield* w.ask(w.here, key), value("put"), "after the put")
  }),

  race("put", "of ten deletes at once exactly one finds the value", function* (w, key) {
    yield* w.here.put(key, { value: value("v"), lifetime: w.longLife })
    const existed = yield* w.crowd(10, (peer) => peer.delete(key))
    same(existed.filter(Boolean).length, 1, "deletes that found the value")
  }),

  race(
    "put",
    "of ten puts at once one stays whole",
    function* (w, key) {
      const texts = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(100 * (index + 1)))
      yield* w.crowd(10, (peer, index) => peer.put(key, { value: value(texts[index]!), lifetime: w.longLife }))
      const found = (yield* w.here.read(key)).value
      const text = found && new TextDecoder().decode(found.bytes)
      holds(text !== undefined && texts.includes(text), "what is there is none of the values that were put")
      same((yield* w.there.read(key)).value?.bytes, found?.bytes, "the value as the other peer reads it")
    },
    { rounds: 1 }
  ),

  race("force", "a forced load against the fill of another: the forced one wins", function* (w, key, round) {
    const fill = yield* filling(w, key)
    const [held, token] = yield* w.together(round, fill, w.lead(w.there, key, { force: true }))
    yield* w.fill(w.there, token, value("forced"), w.longLife, key)
    hits(yield* w.ask(w.here, key), value("forced"), `after both fills, of which the first was held: ${held}`)
    same(yield* fill, false, "filling again with the old token")
  }),

  race("force", "a renew against a forced load: only the forced one fills", function* (w, key, round) {
    const token = yield* w.lead(w.here, key)
    const renew = w.here.renew(key, { token, leaseFor: w.time.long })
    const [, forced] = yield* w.together(round, renew, w.lead(w.there, key, { force: true }))
    const late = { token, value: value("late"), lifetime: w.longLife }
    same(yield* w.here.fill(key, late), false, "filling with the old token")
    yield* w.fill(w.there, forced, value("forced"), w.longLife, key)
    hits(yield* w.ask(w.here, key), value("forced"), "at the end")
  })
]

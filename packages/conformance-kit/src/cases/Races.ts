/** Verbs against each other, at once and often: whatever the order, the laws hold. */
import * as Effect from "effect/Effect"
import { prove } from "../world/Case.ts"
import { count, hits, holds, same } from "../world/Expect.ts"
import { value, type World } from "../world/World.ts"

const rounds = 20

/** Both at once, started in an order that changes from round to round. */
const atOnce = <A, B, E, E2>(round: number, one: Effect.Effect<A, E>, two: Effect.Effect<B, E2>) =>
  round % 2 === 0
    ? Effect.all([one, two], { concurrency: "unbounded" })
    : Effect.map(Effect.all([two, one], { concurrency: "unbounded" }), ([b, a]) => [a, b] as const)

const filling = (w: World, key: string) =>
  Effect.map(w.lead(w.here, key), (token) => w.here.fill(key, { token, value: value("load"), lifetime: w.longLife }))

export const races = [
  prove("5", "a fill against a delete: the delete has the last word", function* (w) {
    for (let round = 0; round < rounds; round++) {
      const key = w.name()
      const fill = yield* filling(w, key)
      const [held, existed] = yield* atOnce(round, fill, w.there.delete(key))
      same(existed, held, "whether the delete found what the fill says it left")
      holds((yield* w.here.read(key)).value === undefined, `a value after fill and delete, in round ${round}`)
    }
  }),

  prove("5", "a fill against a put: the put has the last word", function* (w) {
    for (let round = 0; round < rounds; round++) {
      const key = w.name()
      const fill = yield* filling(w, key)
      yield* atOnce(round, fill, w.there.put(key, { value: value("put"), lifetime: w.longLife }))
      hits(yield* w.ask(w.here, key), value("put"), `after fill and put, in round ${round}`)
    }
  }),

  prove("5", "a renew against a delete: the lease is void", function* (w) {
    for (let round = 0; round < rounds; round++) {
      const key = w.name()
      const token = yield* w.lead(w.here, key)
      yield* atOnce(round, w.here.renew(key, { token, leaseFor: w.time.long }), w.there.delete(key))
      same(yield* w.here.renew(key, { token, leaseFor: w.time.long }), false, "renewing after both")
      yield* w.lead(w.there, key)
    }
  }),

  prove("4", "two fills with one token at once: exactly one is held, and its value stays", function* (w) {
    for (let round = 0; round < rounds; round++) {
      const key = w.name()
      const token = yield* w.lead(w.here, key)
      const fill = (peer: typeof w.here, text: string) =>
        peer.fill(key, { token, value: value(text), lifetime: w.longLife })
      const [one, two] = yield* atOnce(round, fill(w.here, "one"), fill(w.there, "two"))
      same([one, two].filter(Boolean).length, 1, "fills that were held")
      hits(yield* w.ask(w.there, key), value(one ? "one" : "two"), "the value of the fill that was held")
    }
  }),

  prove("4", "a fill against an abandon with one token: exactly one is held", function* (w) {
    for (let round = 0; round < rounds; round++) {
      const key = w.name()
      const token = yield* w.lead(w.here, key)
      const fill = w.here.fill(key, { token, value: value("v"), lifetime: w.longLife })
      const [filled, abandoned] = yield* atOnce(round, fill, w.there.abandon(key, { token }))
      holds(filled !== abandoned, `fill answered ${filled} and abandon ${abandoned}`)
      same((yield* w.here.read(key)).value !== undefined, filled, "whether there is a value")
    }
  }),

  prove("3", "a fill against the end of its lease: either it is held, or another leads", function* (w) {
    for (let round = 0; round < 10; round++) {
      const key = w.name()
      const leaseFor = w.time.unit
      const token = yield* w.lead(w.here, key, { leaseFor })
      // Around the end, now before it and now after.
      yield* w.time.sleep(Math.max(0, leaseFor - 5 + round))
      const fill = w.here.fill(key, { token, value: value("v"), lifetime: w.longLife })
      const [held, found] = yield* atOnce(round, fill, w.ask(w.there, key))
      holds(!(held && found._tag === "Leader"), "the fill was held and another leads")
      if (found._tag === "Leader") {
        same(
          yield* w.there.fill(key, { token: found.token, value: value("next"), lifetime: w.longLife }),
          true,
          "the next fill"
        )
      }
      const expected = held ? "v" : "next"
      if (held || found._tag === "Leader") hits(yield* w.ask(w.here, key), value(expected), "at the end")
    }
  }),

  prove("6", "an abandon against ten that ask: never two leaders, and never none afterwards", function* (w) {
    for (let round = 0; round < rounds; round++) {
      const key = w.name()
      const token = yield* w.lead(w.here, key)
      const [held, found] = yield* atOnce(round, w.here.abandon(key, { token }), w.race(10, key))
      same(held, true, "the abandon")
      const leaders = count(found, "Leader")
      holds(leaders <= 1, `${leaders} leaders after one abandon`)
      if (leaders === 0) yield* w.lead(w.there, key)
    }
  }),

  prove("1", "ten that ask against a put: after it everyone hits", function* (w) {
    for (let round = 0; round < rounds; round++) {
      const key = w.name()
      const put = w.there.put(key, { value: value("put"), lifetime: w.longLife })
      const [, found] = yield* atOnce(round, put, w.race(10, key))
      holds(count(found, "Leader") <= 1, "two leaders")
      for (const led of found) {
        if (led._tag !== "Leader") continue
        const late = { token: led.token, value: value("late"), lifetime: w.longLife }
        same(yield* w.here.fill(key, late), false, "the fill of one who led before the put")
      }
      hits(yield* w.ask(w.here, key), value("put"), "after the put")
    }
  }),

  prove("put", "of ten deletes at once exactly one finds the value", function* (w) {
    for (let round = 0; round < rounds; round++) {
      const key = w.name()
      yield* w.here.put(key, { value: value("v"), lifetime: w.longLife })
      const existed = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, index) => w.both[index % 2 === 0 ? 0 : 1]),
        (peer) => peer.delete(key),
        { concurrency: "unbounded" }
      )
      same(existed.filter(Boolean).length, 1, "deletes that found the value")
    }
  }),

  prove("put", "of ten puts at once one stays whole", function* (w) {
    const texts = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(100 * (index + 1)))
    yield* Effect.forEach(
      texts,
      (text, index) => w.both[index % 2 === 0 ? 0 : 1].put(w.key, { value: value(text), lifetime: w.longLife }),
      { concurrency: "unbounded" }
    )
    const found = (yield* w.here.read(w.key)).value
    const text = found && new TextDecoder().decode(found.bytes)
    holds(text !== undefined && texts.includes(text), "what is there is none of the values that were put")
    same((yield* w.there.read(w.key)).value?.bytes, found?.bytes, "the value as the other peer reads it")
  })
]

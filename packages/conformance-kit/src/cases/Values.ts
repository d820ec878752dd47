/** Law 9, values: byte for byte, by every verb that writes and every verb that reads. */
import type { Value } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { prove } from "../world/Case.ts"
import { follows, hits, holds, leads, same, staleIs } from "../world/Expect.ts"
import { value, type World } from "../world/World.ts"

/** Written by fill and by put, read by hit and by read, through both peers. */
const throughAll = Effect.fnUntraced(function* (w: World, given: Value, what: string) {
  const [filled, put] = [w.name(), w.name()]
  yield* w.filled(w.here, given, w.longLife, filled)
  yield* w.here.put(put, { value: given, lifetime: w.longLife })
  for (const key of [filled, put]) {
    for (const peer of w.both) {
      hits(yield* w.ask(peer, key), given, what)
      same((yield* peer.read(key)).value?.bytes, given.bytes, `${what}, as read`)
    }
    same(yield* w.there.delete(key), true, `deleting ${what}`)
  }
})

/** The same bytes on every run, and no pattern that compresses. */
const noise = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let state = 1
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

export const values = [
  prove("9", "an empty value is a value", function* (w) {
    yield* throughAll(w, value(""), "an empty value")
  }),

  prove("9", "an empty value comes as stale too", function* (w) {
    yield* w.filled(w.here, value(""), { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    staleIs(leads(yield* w.ask(w.there), "the leader").stale, value(""), "the leader's stale value")
    staleIs(follows(yield* w.ask(w.here), "another").stale, value(""), "the follower's stale value")
  }),

  prove("9", "a value of one byte, whichever", function* (w) {
    for (const byte of [0x00, 0x0a, 0x20, 0x30, 0x7f, 0x80, 0xff]) {
      yield* throughAll(w, { bytes: Uint8Array.of(byte) }, `the byte ${byte}`)
    }
  }),

  prove("9", "all 256 bytes, in order and against it", function* (w) {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    yield* throughAll(w, { bytes }, "all bytes")
    yield* throughAll(w, { bytes: bytes.toReversed() }, "all bytes, backwards")
  }),

  prove("9", "bytes that are not UTF-8", function* (w) {
    yield* throughAll(w, { bytes: Uint8Array.of(0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80) }, "broken UTF-8")
    yield* throughAll(w, { bytes: Uint8Array.of(0xef, 0xbb, 0xbf, 0x61) }, "a byte order mark")
  }),

  prove("9", "texts that backends might interpret", function* (w) {
    for (const text of ["0", "-1", "1e3", "null", "true", "{}", "[]", '"', "\\", "''", "\r\n", "\u0000\u0000", "  "]) {
      yield* throughAll(w, value(text), `the text ${JSON.stringify(text)}`)
    }
  }),

  prove("9", "a value of 20,000 bytes", function* (w) {
    const given = { bytes: noise(Math.min(20_000, w.here.limits.valueBytes)) }
    yield* throughAll(w, given, "a long value")
    yield* w.filled(w.here, given, { fresh: 0, stale: w.time.long })
    yield* w.time.past(0)
    staleIs(leads(yield* w.ask(w.there), "the leader").stale, given, "the stale value")
  }),

  prove("9", "a part of a larger buffer is stored as that part", function* (w) {
    const buffer = noise(1000)
    yield* throughAll(w, { bytes: buffer.subarray(100, 200) }, "a part of a buffer")
  }),

  prove("9", "a shorter value leaves nothing of a longer one", function* (w) {
    for (const text of ["a long value that was there before", "short", "", "x"]) {
      yield* w.here.put(w.key, { value: value(text), lifetime: w.longLife })
      hits(yield* w.ask(w.there), value(text), `after putting ${JSON.stringify(text)}`)
    }
  }),

  prove("9", "values of different keys do not mix under load", function* (w) {
    const pairs = Array.from({ length: 60 }, (_, index) => [w.name(), value(`value ${index}`)] as const)
    const { longLife: lifetime } = w
    yield* Effect.forEach(
      pairs,
      ([key, given], index) => w.both[index % 2 === 0 ? 0 : 1].put(key, { value: given, lifetime }),
      { concurrency: "unbounded" }
    )
    const found = yield* Effect.forEach(pairs, ([key]) => w.ask(w.there, key), { concurrency: "unbounded" })
    for (const [index, one] of found.entries()) hits(one, pairs[index]![1], `the value of key ${index}`)
    holds(found.length === 60, "sixty answers")
  })
]

import { describe, expect, it } from "vitest"
import * as KeyRange from "../src/KeyRange.ts"

/** The order of MongoDB's strings. */
const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const within = ({ $gt, $gte, $lt }: KeyRange.KeyRange, key: string): boolean =>
  ($gte === undefined || compare(key, $gte) >= 0) &&
  ($gt === undefined || compare(key, $gt) > 0) &&
  ($lt === undefined || compare(key, $lt) < 0)

const texts = [
  ...["", "a", "aa", "a\u0000", "a\u{10ffff}", "b", "\u0000", "\u007f", "\u0080", "é", "\ud7ff", "\ud7ff\u0000"],
  ...["\ue000", "\uffff", "\uffffx", "\u{10000}", "\u{10ffff}", "\u{10ffff}\u{10ffff}", "\u{10ffff}x", "😀", "😀😀"]
]

describe("a range of keys", () => {
  it("has all that begin with the prefix, and no other", () => {
    for (const prefix of texts) {
      const range = KeyRange.of(prefix)!
      expect(texts.filter((key) => within(range, key))).toEqual(texts.filter((key) => key.startsWith(prefix)))
    }
  })

  it("goes on after a key, to the same end", () => {
    const range = KeyRange.of("a")!
    expect(texts.filter((key) => within(KeyRange.after(range, "aa"), key))).toEqual(["a\u{10ffff}"])
    expect(texts.filter((key) => within(KeyRange.after(KeyRange.of("")!, "😀"), key))).toEqual([
      "\u{10ffff}",
      "\u{10ffff}\u{10ffff}",
      "\u{10ffff}x",
      "😀😀"
    ])
  })

  it("is none where no key can be", () => {
    expect(KeyRange.of("\ud800")).toBeUndefined()
    expect(KeyRange.of("a\udc00")).toBeUndefined()
  })
})

import { assert, describe, it } from "@effect/vitest"
import { TakeOnce } from "../../src/stores/TakeOnce.ts"

describe("Recent", () => {
  it("tells what was noted, and once it is taken no more", () => {
    const recent = new TakeOnce<string, number>(2)
    recent.note("a", 1)
    assert.strictEqual(recent.get("a"), 1)
    assert.strictEqual(recent.take("a"), 1)
    assert.strictEqual(recent.take("a"), undefined)
    assert.strictEqual(recent.get("a"), undefined)
  })

  it("forgets the oldest of too many", () => {
    const recent = new TakeOnce<string, number>(2)
    for (const [index, key] of ["a", "b", "c"].entries()) recent.note(key, index)
    assert.deepStrictEqual(
      ["a", "b", "c"].map((key) => recent.get(key)),
      [undefined, 1, 2]
    )
  })
})

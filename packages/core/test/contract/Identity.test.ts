import { assert, it } from "@effect/vitest"
import * as Identity from "../../src/contract/Identity.ts"

it("is one for the same two in the same order, and another for any others", () => {
  const [a, b, c] = [{}, {}, {}]
  assert.strictEqual(Identity.ofPair(a, b), Identity.ofPair(a, b))
  assert.notStrictEqual(Identity.ofPair(a, b), Identity.ofPair(b, a))
  assert.notStrictEqual(Identity.ofPair(a, b), Identity.ofPair(a, c))
  assert.notStrictEqual(Identity.ofPair(a, b), Identity.ofPair(c, b))
})

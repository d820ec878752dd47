import { assert, it } from "@effect/vitest"
import * as Identity from "../../src/contract/Identity.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"

it("is one for the same two in the same order, and another for any others", () => {
  const [a, b, c] = [{}, {}, {}]
  assert.strictEqual(Identity.ofPair(a, b), Identity.ofPair(a, b))
  assert.notStrictEqual(Identity.ofPair(a, b), Identity.ofPair(b, a))
  assert.notStrictEqual(Identity.ofPair(a, b), Identity.ofPair(a, c))
  assert.notStrictEqual(Identity.ofPair(a, b), Identity.ofPair(c, b))
})

it("is the adapter's own, or else the adapter", () => {
  const adapter = MemoryAdapter.make()
  const identity = {}
  assert.strictEqual(Identity.of({ ...adapter, identity }), identity)
  const alone = { ...adapter, identity: undefined }
  assert.strictEqual(Identity.of(alone), alone)
})

it("a state is made once for each object and for each name", () => {
  let made = 0
  const stateOf = Identity.perObject((_: object) =>
    Identity.perName((name: string, more: string) => ({ name, more, number: made++ }))
  )
  const [a, b] = [{}, {}]
  assert.deepStrictEqual(stateOf(a)("x", "first"), { name: "x", more: "first", number: 0 })
  assert.strictEqual(stateOf(a)("x", "second"), stateOf(a)("x", "third"))
  assert.notStrictEqual(stateOf(a)("y", ""), stateOf(a)("x", ""))
  assert.notStrictEqual(stateOf(b)("x", ""), stateOf(a)("x", ""))
})

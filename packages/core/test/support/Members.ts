/** What becomes of the members of an adapter in one that is made of it. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Adapter, AdapterLimits, EveryMember } from "../../src/contract/Adapter.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"

/** An adapter that has every member. */
export type Whole = { readonly [Name in keyof EveryMember]: NonNullable<EveryMember[Name]> }

/** Total: a new member of adapters does not compile before it is decided what becomes of it. */
export type Becomes = { readonly [Name in keyof EveryMember]: "own" | "as it is" | "absent" }

/** An adapter that has every member. Those that are not verbs only have to be there. */
export const whole = (limits: Partial<AdapterLimits> = {}): Whole => {
  const memory = MemoryAdapter.make()
  const answer = {} as never
  return {
    name: "all",
    limits: { ...memory.limits, ...limits },
    identity: {},
    keepsReferences: true,
    dropsTagged: true,
    acquire: memory.acquire,
    fill: memory.fill,
    abandon: memory.abandon,
    renew: memory.renew,
    delete: memory.delete,
    put: memory.put,
    touch: memory.touch,
    read: memory.read,
    watch: () => answer,
    keys: () => answer,
    changes: () => answer,
    acquireMany: () => answer,
    deleteMany: () => answer,
    hitUnsafe: () => answer,
    valueUnsafe: () => answer,
    evictions: () => 7,
    tiers: () => [],
    pollEvery: 77,
    partOf: () => answer,
    close: Effect.void
  }
}

/** Asserts what has become of each member of an adapter in one that is made of it. */
export const assertMembers = (made: Adapter, of: Adapter, becomes: Becomes): void => {
  const is = (name: keyof EveryMember): Becomes[typeof name] =>
    made[name] === undefined ? "absent" : made[name] === of[name] ? "as it is" : "own"
  const names = Object.keys(becomes) as Array<keyof EveryMember>
  assert.deepStrictEqual(Object.fromEntries(names.map((name) => [name, is(name)])), becomes)
}

import { describe, expect, it } from "vitest"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { InvalidOption } from "../../src/contract/CacheLockingError.ts"
import * as Check from "../../src/contract/Check.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { Blobs } from "../fixtures/Blobs.ts"
import { Values } from "../fixtures/Values.ts"

const refused = (given: unknown): InvalidOption => {
  try {
    Check.adapter("adapter", given)
  } catch (error) {
    if (error instanceof InvalidOption) return error
    throw error
  }
  throw new Error("it was accepted")
}

describe("an adapter is checked:", () => {
  it("answers an adapter as it is", () => {
    const adapter = MemoryAdapter.make()
    expect(Check.adapter("adapter", adapter)).toBe(adapter)
    expect(Check.isAdapter(adapter)).toBe(true)
  })

  it("advises leases for a value store", () => {
    expect(refused(new Values().store).message).toContain("withLeases")
    expect(Check.isAdapter(new Values().store)).toBe(false)
  })

  it("names the remedy for a conditional store and for a module", () => {
    expect(refused(new Blobs().store).message).toContain("ConditionalStore.make")
    expect(refused(MemoryAdapter).message).toContain("make(options)")
  })

  it.each([
    [undefined, "it is undefined"],
    [null, "it is null"],
    ["redis", "it is a string"],
    [MemoryAdapter.make, "it is a function"],
    [Promise.resolve(), "await it"],
    [{}, "it has no acquire, fill, abandon, renew, delete, put, touch, read, limits"],
    [{ ...MemoryAdapter.make(), renew: undefined }, "it has no renew"],
    [{ ...MemoryAdapter.make(), limits: undefined }, "it has no limits"]
  ])("says what %o is instead", (given, text) => {
    expect(refused(given).message).toContain(text)
  })

  it("names the option and never shows the given value", () => {
    const error = refused({ client: { password: "secret" } })
    expect(error).toMatchObject({ option: "adapter", value: "object", context: { phase: "options" } })
    expect(JSON.stringify(error)).not.toContain("secret")
  })

  it("a value store does not compile as an adapter", () => {
    // @ts-expect-error It cannot decide a race.
    const adapter: Adapter = new Values().store
    expect(Check.isAdapter(adapter)).toBe(false)
  })
})

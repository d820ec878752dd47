import { expect, it } from "vitest"
import * as Versions from "../../src/stores/Versions.ts"

it("a name survives the round trip", () => {
  const name = Versions.newName()
  expect(Versions.parse(Versions.format(name))).toBe(name)
})

it("a name is new every time", () => {
  expect(new Set(Array.from({ length: 1000 }, Versions.newName)).size).toBe(1000)
})

it("a name is not read from other bytes", () => {
  for (const bytes of [new Uint8Array(), Uint8Array.of(0), new TextEncoder().encode("version:x")]) {
    expect(Versions.parse({ bytes })).toBeUndefined()
  }
})

it("a name differs from an inlined value, whatever its bytes", () => {
  for (const bytes of [[], [0], [1, 2], [...Versions.format("x").bytes]]) {
    const kept = Versions.inline({ bytes: Uint8Array.from(bytes) })
    expect(Versions.parse(kept)).toBeUndefined()
    expect(Versions.inlined(kept)?.bytes).toEqual(Uint8Array.from(bytes))
  }
  expect(Versions.inlined(Versions.format("x"))).toBeUndefined()
  expect(Versions.inlined({ bytes: new Uint8Array() })).toBeUndefined()
})

import { expect, it } from "vitest"
import * as VersionName from "../../src/stores/VersionName.ts"

it("comes back as it was", () => {
  const name = VersionName.make()
  expect(VersionName.parse(VersionName.format(name))).toBe(name)
})

it("is new every time", () => {
  expect(new Set(Array.from({ length: 1000 }, VersionName.make)).size).toBe(1000)
})

it("is not read from what is no name", () => {
  for (const bytes of [new Uint8Array(), Uint8Array.of(0), new TextEncoder().encode("version:x")]) {
    expect(VersionName.parse({ bytes })).toBeUndefined()
  }
})

it("is told from a value that is kept itself, whatever its bytes", () => {
  for (const bytes of [[], [0], [1, 2], [...VersionName.format("x").bytes]]) {
    const kept = VersionName.inline({ bytes: Uint8Array.from(bytes) })
    expect(VersionName.parse(kept)).toBeUndefined()
    expect(VersionName.inlined(kept)?.bytes).toEqual(Uint8Array.from(bytes))
  }
  expect(VersionName.inlined(VersionName.format("x"))).toBeUndefined()
  expect(VersionName.inlined({ bytes: new Uint8Array() })).toBeUndefined()
})

import { expect, it } from "vitest"
import { timersDownTo } from "../../src/index.ts"

it("counts what is left, and none of its own", async () => {
  // Whatever the test runner itself is about.
  const before = await timersDownTo(0, 200)
  const left = setTimeout(() => {}, 60_000)
  expect(await timersDownTo(before, 100)).toBe(before + 1)
  setTimeout(() => clearTimeout(left), 30)
  expect(await timersDownTo(before)).toBe(before)
})

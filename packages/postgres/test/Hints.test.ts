import { sleep } from "@cache-locking/conformance-kit/testing"
import { expect, it } from "vitest"
import { Hints } from "../src/Hints.ts"

it("remembers for the given time, less the required freshness", async () => {
  const hints = new Hints()
  expect(hints.has("k", 0)).toBe(false)
  hints.note("k", 20)
  hints.note("endless", Number.POSITIVE_INFINITY)
  expect(hints.has("k", 0)).toBe(true)
  expect(hints.has("k", 1_000)).toBe(false)
  await sleep(25)
  expect(hints.has("k", 0)).toBe(false)
  expect(hints.has("endless", 1_000)).toBe(true)
  hints.forget("endless")
  expect(hints.has("endless", 0)).toBe(false)
})

it("remembers no more than ten thousand keys, and the newest of all", () => {
  const hints = new Hints()
  for (let i = 0; i <= 10_000; i++) hints.note(`k${i}`, 1_000)
  expect(hints.has("k10000", 0)).toBe(true)
  expect(hints.has("k0", 0)).toBe(false)
})

import { sleep } from "@cache-locking/conformance-kit/testing"
import { expect, it } from "vitest"
import { Sightings } from "../src/Sightings.ts"

it("remembers for as long as it is told, less what is wanted", async () => {
  const sightings = new Sightings()
  expect(sightings.has("k", 0)).toBe(false)
  sightings.note("k", 20)
  sightings.note("endless", Number.POSITIVE_INFINITY)
  expect(sightings.has("k", 0)).toBe(true)
  expect(sightings.has("k", 1_000)).toBe(false)
  await sleep(25)
  expect(sightings.has("k", 0)).toBe(false)
  expect(sightings.has("endless", 1_000)).toBe(true)
  sightings.forget("endless")
  expect(sightings.has("endless", 0)).toBe(false)
})

it("remembers no more than ten thousand keys, and the newest of all", () => {
  const sightings = new Sightings()
  for (let i = 0; i <= 10_000; i++) sightings.note(`k${i}`, 1_000)
  expect(sightings.has("k10000", 0)).toBe(true)
  expect(sightings.has("k0", 0)).toBe(false)
})

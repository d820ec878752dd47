/** KV shows a write elsewhere late, which may cost a load, but never gives a wrong version. */
import { D1Adapter } from "@cache-locking/cloudflare-d1"
import { ask, lifetime, minute, put, run, text } from "@cache-locking/conformance-kit/testing"
import type { Adapter } from "@cache-locking/core"
import { WorkersBackend } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import { expect, it } from "vitest"
import { KvAdapter } from "../src/index.ts"
import { placesOf, randomOf } from "./fixtures/Places.ts"

const backend = await serverOfFile(WorkersBackend.start())

/** Minutes pass here in no time. */
let time = 0
const tempo = { lag: 60_000, kept: 60_000, now: () => time }
const words = new TextDecoder()

it("the places are as slow as they say: a key of one's own serves the old value", async () => {
  const random = randomOf(1)
  const [here, there] = placesOf(backend.namespace(), 2, { ...tempo, random })
  const wordsAt = async (place: typeof here) => {
    const { value } = await place!.getWithMetadata("k", { type: "arrayBuffer" })
    return value === null ? undefined : words.decode(value)
  }
  const seen = { missing: 0, wrong: 0, right: 0 }
  for (let version = 0; version < 40; version++) {
    await here!.put("k", text(`${version}`).bytes)
    expect(await wordsAt(here)).toBe(`${version}`)
    time += random() * 40_000
    const found = await wordsAt(there)
    seen[found === undefined ? "missing" : found === `${version}` ? "right" : "wrong"]++
  }
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0)
  expect(seen.wrong).toBeGreaterThan(10)
  time += 200_000
  expect(await wordsAt(there)).toBe("39")
})

it("with leases in D1, a place finds the version that counts, or nothing, and never another", async () => {
  const random = randomOf(20_261_121)
  const places = placesOf(backend.namespace(), 3, { ...tempo, random }).map((namespace) =>
    KvAdapter.make({ namespace, leases: D1Adapter.make({ database: backend.database(), setup: true }) })
  )
  const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)]!
  const keys = ["a", "b"]
  const counts: Map<string, string | undefined> = new Map()
  const seen = { hits: 0, lost: 0, absent: 0 }
  let version = 0

  const look = async (adapter: Adapter, key: string) => {
    const found = await run(adapter.acquire(key, ask(`flight ${version++}`)))
    const expected = counts.get(key)
    if (found._tag === "Hit") {
      expect(words.decode(found.value.bytes)).toBe(expected)
      seen.hits++
      return
    }
    // No other load is under way, so a value that is not visible is loaded anew.
    if (found._tag !== "Leader") throw new Error(`expected to lead, not ${found._tag}`)
    if (expected === undefined) seen.absent++
    else seen.lost++
    const next = `${key} loaded as ${version}`
    const filled = { token: found.token, value: text(next), lifetime: lifetime(minute) }
    expect(await run(adapter.fill(key, filled))).toBe(true)
    counts.set(key, next)
  }

  for (let step = 0; step < 150; step++) {
    const [adapter, key] = [pick(places), pick(keys)]
    const dice = random()
    if (dice < 0.25) {
      const next = `${key} put as ${step}`
      await put(adapter, key, text(next))
      counts.set(key, next)
    } else if (dice < 0.35) {
      await run(adapter.delete(key))
      counts.set(key, undefined)
    } else await look(adapter, key)
    time += random() * 20_000
  }
  expect(seen.hits).toBeGreaterThan(20)
  expect(seen.lost).toBeGreaterThan(5)
  expect(seen.absent).toBeGreaterThan(0)
})

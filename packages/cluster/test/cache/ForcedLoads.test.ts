/** `forceRefresh`: a new load, which all later callers of all workers join. */
import { afterEach, describe, expect, it } from "vitest"
import { Cluster } from "../../src/index.ts"
import { cachesOver } from "../fixtures/Caches.ts"
import type { Pair } from "../fixtures/Pair.ts"

afterEach(() => Cluster.bootstrap().close())

/** A fetcher that counts its loads. Each waits for `end`. */
const origin = (value: string, fails = false) => {
  const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const fetch = async () => {
    fetch.loads++
    begun.resolve()
    await gate.promise
    if (fails) throw new Error("the origin is down")
    return value
  }
  fetch.loads = 0
  fetch.begun = begun.promise
  fetch.end = gate.resolve
  return fetch
}

const force = { forceRefresh: true }

/** Waits until the worker has learnt that another leads. */
const follows = ({ sent }: Pair) =>
  expect.poll(() => JSON.stringify(sent.primary).includes("Follower"), { interval: 2 }).toBe(true)

describe.each(["advanced", "json"] as const)("a forced load, over %s,", (serialization) => {
  const openCaches = () => cachesOver<string>({}, serialization)

  it("is one for all callers that force it, in all workers, until it ends", async () => {
    const { direct, one, others, two } = openCaches()
    await one.set("k", "old")
    const load = origin("new")
    const first = one.fetch("k", load, force)
    await load.begun
    const caches = [one, two, direct]
    const joined = Array.from({ length: 30 }, (_, i) => caches[i % 3]!.fetch("k", load, force))
    await follows(others)
    load.end()
    expect(new Set(await Promise.all([first, ...joined]))).toEqual(new Set(["new"]))
    expect(load.loads).toBe(1)
    expect(await two.get("k")).toBe("new")
    const again = origin("newer")
    again.end()
    expect(await two.fetch("k", again, force)).toBe("newer")
    expect(again.loads).toBe(1)
  })

  it("is joined by all later fetches, even beside a fresh value, which `get` still returns", async () => {
    const { direct, one, others, two } = openCaches()
    await one.set("k", "old")
    const load = origin("new")
    const first = one.fetch("k", load, force)
    await load.begun
    const later = [one, two, direct].map((cache) => cache.fetch("k", load))
    await follows(others)
    expect(await two.get("k")).toBe("old")
    load.end()
    expect(await Promise.all([first, ...later])).toEqual(["new", "new", "new", "new"])
    expect(load.loads).toBe(1)
  })

  it("is joined by later callers of a worker that still runs an older load, which fills nothing", async () => {
    const { one, two } = openCaches()
    const [older, newer] = [origin("old"), origin("new")]
    const before = one.fetch("k", older)
    await older.begun
    const forced = one.fetch("k", newer, force)
    await newer.begun
    const later = one.fetch("k", newer)
    newer.end()
    expect(await Promise.all([forced, later])).toEqual(["new", "new"])
    older.end()
    expect(await before).toBe("old")
    expect(await two.get("k")).toBe("new")
    expect([older.loads, newer.loads]).toEqual([1, 1])
  })

  it("that fails is one error for all callers that forced it; the others get the value that was there", async () => {
    const { direct, one, others, two } = openCaches()
    await one.set("k", "old")
    const load = origin("new", true)
    const first = one.fetch("k", load, force)
    await load.begun
    const forced = [first, ...[two, direct].map((cache) => cache.fetch("k", load, force))]
    const plain = [one, two, direct].map((cache) => cache.fetch("k", load))
    await follows(others)
    load.end()
    for (const answer of await Promise.allSettled(forced))
      expect((answer as PromiseRejectedResult).reason.message).toBe("the origin is down")
    expect(await Promise.all(plain)).toEqual(["old", "old", "old"])
    expect(load.loads).toBe(1)
    expect(await one.get("k")).toBe("old")
  })

  it("has one successor when its worker dies", async () => {
    const { direct, ends, one, others, two } = openCaches()
    await two.set("k", "old")
    const lost = origin("lost")
    void one.fetch("k", lost, force).catch(() => {})
    await lost.begun
    const load = origin("new")
    const joined = [two, two, direct].map((cache) => cache.fetch("k", load, force))
    await follows(others)
    expect(load.loads).toBe(0)
    load.end()
    ends.cut()
    expect(await Promise.all(joined)).toEqual(["new", "new", "new"])
    expect(load.loads).toBe(1)
  })

  it("does not undo a set or a delete meanwhile", async () => {
    const { direct, one, others, two } = openCaches()
    await two.set("set", "old")
    const load = origin("loaded")
    const first = one.fetch("set", load, force)
    await load.begun
    const joined = two.fetch("set", load, force)
    await follows(others)
    await direct.set("set", "newer")
    expect(await joined).toBe("newer")
    load.end()
    expect(await first).toBe("loaded")
    expect(load.loads).toBe(1)
    expect(await one.get("set")).toBe("newer")
    const another = origin("loaded")
    const deleted = one.fetch("deleted", another, force)
    await another.begun
    await two.delete("deleted")
    another.end()
    await deleted
    expect(await one.has("deleted")).toBe(false)
  })
})

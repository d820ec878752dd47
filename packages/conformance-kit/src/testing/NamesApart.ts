/**
 * Caches of several names over one store: none answers, clears or voids anything of another.
 */
import type { ListingAdapter } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { ensure } from "./Check.ts"

const names = ["users", "orders", undefined] as const

/**
 * Opens a cache of each name over each peer, and compares every answer with the values that the cache's own name was
 * given.
 */
export const namesApart = async (peers: ReadonlyArray<ListingAdapter>): Promise<void> => {
  const cachesOver = (adapter: ListingAdapter) =>
    names.map((name) => createCache<string>({ adapter, name, cacheTtl: "1 minute", tags: () => ["tag"] }))
  const all = peers.map(cachesOver)
  const same = (found: unknown, wanted: unknown, what: string) =>
    ensure(
      JSON.stringify(found) === JSON.stringify(wanted),
      `${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`
    )
  /** Every cache must have its own values, except those that `emptied` has none of. */
  const expectOwn = async (what: string, emptied: ReadonlySet<number> = new Set()) => {
    for (const caches of all) {
      for (const [n, cache] of caches.entries()) {
        const own = emptied.has(n) ? [] : ["a", "b"].map((key) => [key, `${key} of ${n}`])
        same([...(await cache.getMany(["a", "b"]))], own, `${what}: get of ${names[n]}`)
        same(await cache.has("a"), own.length > 0, `${what}: has of ${names[n]}`)
        const { key, state } = await cache.explain("a")
        same([key, state], ["a", own.length > 0 ? "fresh" : "absent"], `${what}: explain of ${names[n]}`)
      }
    }
  }
  const fill = async (what: string) => {
    const loads = names.map(() => 0)
    const load = (n: number) => async () => {
      loads[n]!++
      await new Promise((resolve) => setTimeout(resolve, 50))
      return `a of ${n}`
    }
    // All names and all processes at once.
    const asked = all.map((caches) => Promise.all(caches.map((cache, n) => cache.getOrSet("a", load(n)))))
    for (const answers of await Promise.all(asked)) same(answers, ["a of 0", "a of 1", "a of 2"], what)
    same(loads, [1, 1, 1], `${what}: loads`)
    for (const [n, cache] of all[0]!.entries()) {
      await cache.getOrSetMany(["b"], () => [["b", `b of ${n}`]])
      await cache.refresh("a", () => `a of ${n}`)
      await cache.set("b", `b of ${n}`)
    }
  }
  await fill("cold")
  await expectOwn("filled")
  const ends: ReadonlyArray<readonly [string, (n: number) => Promise<unknown>, unknown]> = [
    ["clear", (n) => all[0]![n]!.clear(), 2],
    ["invalidateWhere", (n) => all[0]![n]!.invalidateWhere("?"), 2],
    ["deleteMany", (n) => all[0]![n]!.deleteMany(["a", "b"]), 2],
    ["invalidateTag", (n) => all[0]![n]!.invalidateTag("tag"), undefined]
  ]
  for (const [what, end, answer] of ends) {
    const emptied = new Set<number>()
    for (const n of names.keys()) {
      same(await end(n), answer, `${what} of ${names[n]}`)
      emptied.add(n)
      await expectOwn(`${what} of ${names[n]}`, emptied)
    }
    await fill(`after ${what}`)
  }
  for (const cache of all[0]!) await cache.clear()
  for (const cache of all.flat()) await cache.close()
}

/** One namespace by itself: the entries that remain in it, and their removal. */
import { afterEach, describe, expect, it } from "vitest"
import { Listings } from "../../src/primary/Listings.ts"
import { Space } from "../../src/primary/Space.ts"
import { boundsOf, type SpaceOptions } from "../../src/primary/SpaceOptions.ts"
import { run } from "../../src/primary/Verbs.ts"

const spaces: Array<Space> = []
afterEach(() => {
  for (const space of spaces.splice(0)) space.close()
})

const opened = (options: SpaceOptions = {}) => {
  const space = new Space(boundsOf(options))
  spaces.push(space)
  const caller = { link: "link", subscribe: () => {}, listings: new Listings() }
  const call = <A = any>(verb: string, ...args: ReadonlyArray<unknown>): A => run(space, verb, args, caller) as A
  return { space, call }
}

const bytes = (text: string) => new TextEncoder().encode(text)
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)
const left = (space: Space, keys: ReadonlyArray<string>) => keys.filter((key) => space.recordsOf(key).length > 0).length

describe("an expired entry", () => {
  it.each(["values", "leases", "cooldowns"])("is removed by a timer with ttlAutopurge: %s", async (what) => {
    const { call, space } = opened({ ttlAutopurge: true })
    const [all, life] = [names("k", 500), 300]
    for (const key of all) {
      if (what === "values") call("set", key, bytes("v"), life)
      else {
        const { token } = call("acquire", key, { owner: key, leaseFor: life })
        if (what === "cooldowns") call("abandon", key, token, life)
      }
    }
    expect(left(space, all)).toBe(500)
    for (const key of all) for (const { expiresIn } of space.recordsOf(key)) expect(expiresIn).toBeLessThanOrEqual(life)
    await expect.poll(() => left(space, all)).toBe(0)
  })

  it("is removed by a timer with ttlAutopurge, even where expired values may be served stale", async () => {
    for (const option of ["allowStale", "noDeleteOnStaleGet"] as const) {
      const { call, space } = opened({ ttlAutopurge: true, [option]: true })
      call("set", "k", bytes("v"), 20)
      await expect.poll(() => space.recordsOf("k")).toEqual([])
    }
  })

  it("is removed as others are added: leases and cooldowns two at a time, values by the bound", async () => {
    const { call, space } = opened({ max: 100 })
    const [leases, values] = [names("lease ", 400), names("value ", 400)]
    for (const key of leases) call("acquire", key, { owner: key, leaseFor: 1 })
    for (const key of values) call("set", key, bytes("v"), 1)
    expect(left(space, values)).toBe(100)
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (const key of names("other ", 400)) call("acquire", key, { owner: key, leaseFor: 60_000 })
    expect(left(space, leases)).toBe(0)
    expect(call("purge")).toBe(100)
    expect(left(space, values)).toBe(0)
  })

  it("is removed by purgeStale, but not within a stale window of the contract", async () => {
    const { call, space } = opened({ allowStale: true })
    call("set", "own", bytes("v"), 1)
    call("put", "contract", bytes("v"), { fresh: 1, stale: 60_000 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(call("purge")).toBe(1)
    expect(space.recordsOf("own")).toEqual([])
    expect(call("acquire", "contract", { owner: "o", leaseFor: 1_000 }).stale).toBeDefined()
  })
})

describe("a closed link", () => {
  it("gives back its leases, renewed or not, and nothing else", () => {
    const { call, space } = opened()
    const lead = (link: string, key: string) =>
      run(space, "acquire", [key, { owner: `${link} ${key}`, leaseFor: 60_000 }], {
        link,
        subscribe: () => {},
        listings: new Listings()
      }) as { readonly token: string }
    lead("gone", "a")
    const { token } = lead("gone", "b")
    expect(call("renew", "b", token, 60_000)).toBe(true)
    lead("stays", "c")
    const notified: Array<string> = []
    for (const key of ["a", "b", "c"]) space.watchers.watch(key, () => notified.push(key))
    space.releaseLink("gone")
    expect(notified).toEqual(["a", "b"])
    expect(["a", "b", "c"].map((key) => space.recordsOf(key).length)).toEqual([0, 0, 1])
  })
})

describe("the room of a namespace", () => {
  it("grows with its values up to max, and nothing is evicted before, or out of order", () => {
    const { call, space } = opened({ max: 1_000 })
    const all = names("k", 1_500)
    for (const key of all.slice(0, 1_000)) call("set", key, bytes(key), 60_000)
    expect(space.stats).toMatchObject({ evictions: 0, size: 1_000 })
    // The oldest becomes the youngest.
    expect(call("get", "k0")).toBeDefined()
    for (const key of all.slice(1_000, 1_300)) call("set", key, bytes(key), 60_000)
    expect(space.stats).toMatchObject({ evictions: 300, size: 1_000 })
    expect(left(space, all)).toBe(1_000)
    expect(left(space, ["k0", "k301", "k1299"])).toBe(3)
    expect(left(space, all.slice(1, 301))).toBe(0)
    call("configure", { max: 1_200 })
    for (const key of all.slice(1_300)) call("set", key, bytes(key), 60_000)
    expect(space.stats).toMatchObject({ evictions: 300, size: 1_200 })
    expect(() => call("configure", { max: 1e9 })).toThrow("10000000")
  })

  it("is none for leases and for reads", () => {
    const { call } = opened({ max: 10_000_000 })
    for (const key of names("k", 100)) {
      call("acquire", key, { owner: key, leaseFor: 60_000 })
      call("get", key)
    }
    expect(call("clear")).toBe(0)
  })
})

describe("a smaller bound", () => {
  it("keeps the most recently used, with their order, times and sizes; other setters keep all", () => {
    const { call, space } = opened({ maxSize: 100, max: 10 })
    for (const [i, key] of names("k", 6).entries()) call("set", key, bytes("v"), 60_000 + i * 1_000, 10 + i)
    call("get", "k0")
    const keys = () => call<{ readonly items: ReadonlyArray<string> }>("list", 1, "", "keys").items
    const times = () => keys().map((key) => Math.round(call<number>("remaining", key) / 1_000))
    const before = { keys: keys(), times: times() }
    call("configure", { ttl: 5 })
    call("configure", { allowStale: true })
    call("configure", { max: 8 })
    expect({ keys: keys(), times: times() }).toEqual(before)
    call("configure", { max: 3 })
    expect(keys()).toEqual(["k0", "k5", "k4"])
    expect(times()).toEqual([60, 65, 64])
    expect(space.stats).toMatchObject({ evictions: 3, size: 3 })
    // Sizes still count: of 100, 10 + 15 + 14 are taken.
    call("set", "large", bytes("v"), undefined, 62)
    expect(keys()).toEqual(["large", "k0", "k5"])
  })
})

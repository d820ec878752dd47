/** The cache by itself with Effect. */
import { run } from "@cache-locking/conformance-kit/testing"
import type { CacheLockingError } from "@cache-locking/core"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { afterEach, describe, expect, it } from "vitest"
import { Cluster, ClusterAdapter, ClusterCache } from "../../src/index.ts"
import { pair } from "../fixtures/Pair.ts"

afterEach(() => Cluster.bootstrap().close())

class Down extends Data.TaggedError("Down")<{ readonly since: number }> {}
const Origin = Context.Service<{ readonly load: (key: string) => Effect.Effect<string, Down> }>("test/Origin")

describe.each(["advanced", "json"] as const)("over %s", (serialization) => {
  /** Two workers. */
  const openCaches = <A = any>(options: ClusterCache.Options<A> = {}) => {
    const primary = Cluster.bootstrap()
    const [one, two] = [pair(serialization), pair(serialization)].map((ends) => {
      primary.serve(ends.primary)
      return { ends, cache: ClusterCache.make<A>({ commandTimeout: "1 minute", ...options, port: ends.worker }) }
    })
    return { one: one!.cache, two: two!.cache, ends: one!.ends }
  }

  describe("values", () => {
    it("`null` and `undefined` are values, and `None` means that there is none", async () => {
      const { one, two } = openCaches()
      for (const value of [null, undefined, 0, "", false]) {
        await run(one.set("k", value))
        expect(await run(two.get("k"))).toEqual(Option.some(value))
        expect(await run(two.peek("k"))).toEqual(Option.some(value))
      }
      expect(await run(two.get("absent"))).toEqual(Option.none())
      expect(await run(two.peek("absent"))).toEqual(Option.none())
      expect(await run(two.getRemainingTTL("absent"))).toBeUndefined()
    })

    it("keys, values and entries are streams in pages, the most recently used first", async () => {
      const { ends, one, two } = openCaches<number>()
      await run(one.mSet(Array.from({ length: 2_500 }, (_, i) => [`k${i}`, i] as const)))
      await run(two.set("other", -1))
      const asked = async <B>(all: Stream.Stream<B, any>) => {
        const before = ends.sent.worker.length
        const found = [...(await run(Stream.runCollect(all)))]
        return { found, messages: ends.sent.worker.length - before }
      }
      const keys = await asked(one.keys("k"))
      expect(keys.messages).toBe(3)
      expect(keys.found.slice(0, 2)).toEqual(["k2499", "k2498"])
      const values = await asked(one.values("k"))
      expect(values.found).toEqual(keys.found.map((key) => Number(key.slice(1))))
      expect(values.messages).toBe(6)
      expect((await asked(one.entries())).found[0]).toEqual(["other", -1])
      expect([...(await run(Stream.runCollect(Stream.take(one.values(), 3))))]).toEqual([-1, 2_499, 2_498])
      // Listing does not count as a use: neither order nor figures change.
      expect(await run(one.stats)).toMatchObject({ hits: 0, misses: 0, sets: 2_501 })
      expect((await asked(one.keys())).found[0]).toBe("other")
    })

    it("a value that cannot be read is a miss, and not a number; it is loaded anew", async () => {
      const { ends, one, two } = openCaches<number>()
      const broken = ClusterAdapter.make({ port: ends.worker })
      const garbage = [[], [1, 0, 229, 200, 0, 106, 123], [255, 255, 255, 255, 255, 255]]
      for (const bytes of garbage) {
        const value = { bytes: Uint8Array.from(bytes) }
        await run(broken.put("k", { value, lifetime: { fresh: 60_000, stale: 0 } }))
        expect(await run(two.get("k"))).toEqual(Option.none())
        expect([...(await run(Stream.runCollect(two.entries())))]).toEqual([])
        expect(await run(Effect.flip(two.incr("k")))).toMatchObject({ reason: "NotANumber", key: "k" })
        expect(await run(two.fetch("k", () => Effect.succeed(7)))).toBe(7)
        expect(await run(one.get("k"))).toEqual(Option.some(7))
        await run(one.delete("k"))
      }
    })
  })

  describe("loads", () => {
    it("have the errors and the requirements of their fetchers", async () => {
      const { one, two } = openCaches<string>()
      const load = ({ key }: { readonly key: string }) => Effect.flatMap(Origin, ({ load }) => load(key))
      const fetched: Effect.Effect<string, Down | CacheLockingError, { readonly load: any }> = one.fetch("k", load)
      const origin = (answer: Effect.Effect<string, Down>) =>
        Effect.provideService(fetched, Origin, { load: () => answer })
      const down = new Down({ since: 5 })
      expect(await run(Effect.flip(origin(Effect.fail(down))))).toBe(down)
      const recovered = Effect.catchTag(origin(Effect.succeed("up")), "Down", ({ since }) => Effect.succeed(`${since}`))
      await run(two.clear)
      expect(await run(recovered)).toBe("up")
      expect(await run(two.get("k"))).toEqual(Option.some("up"))
    })

    it("memoize keeps a function's results, with its options", async () => {
      const { one, two } = openCaches<number>()
      let calls = 0
      const square = (n: number) => Effect.sync(() => ++calls && n * n)
      const [here, there] = [one, two].map((cache) =>
        ClusterCache.memoize(cache, square, (n) => `square ${n}`, { ttl: "1 minute" })
      )
      expect([await run(here!(4)), await run(there!(4)), await run(here!(5))]).toEqual([16, 16, 25])
      expect(calls).toBe(2)
      expect(await run(two.getRemainingTTL("square 4"))).toBeLessThanOrEqual(60_000)
    })
  })

  describe("start-up", () => {
    it("getInstance succeeds with a primary, and fails without one or with other options", async () => {
      const { ends } = openCaches()
      const cache = await run(ClusterCache.getInstance<number>({ port: ends.worker }))
      expect(await run(cache.incr("n"))).toBe(1)
      const silent = { send: () => true, on: () => {}, off: () => {} }
      const start = (options: ClusterCache.Options<number>) => run(Effect.flip(ClusterCache.getInstance(options)))
      expect(await start({ port: silent, commandTimeout: 20 })).toMatchObject({ reason: "Timeout", retryable: true })
      expect(await start({ port: ends.worker, space: { max: 7 } })).toMatchObject({ reason: "Namespace" })
      expect(await start({ space: { max: 7 } })).toMatchObject({ reason: "Namespace" })
    })
  })
})

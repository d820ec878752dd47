/** Values that not every caller, or not every store, can have: refused, or warned of, over each store alike. */
import { Readable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { type EncodeFailed, hasTag } from "../../src/contract/CacheLockingError.ts"
import { createCache } from "../../src/promise.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { scenario } from "../support/Scenario.ts"
import { remote } from "../support/Wrappers.ts"

const kinds: ReadonlyArray<readonly [string, () => Adapter]> = [
  ["memory", () => MemoryAdapter.make()],
  ["a remote store", () => remote(MemoryAdapter.make())]
]

const once: ReadonlyArray<readonly [what: string, make: () => any, words: string]> = [
  ["a Response", () => new Response("{}"), "await response.json()"],
  ["a Request", () => new Request("http://localhost/"), "await response.json()"],
  ["a ReadableStream", () => new Response("x").body, "await new Response(stream).text()"],
  ["a stream of Node", () => Readable.from(["x"]), "await new Response(stream).text()"],
  ["an async generator", () => (async function* () {})(), "await new Response(stream).text()"],
  ["a generator", () => (function* () {})(), "[...values]"],
  ["an iterator of a Map", () => new Map().entries(), "[...values]"]
]

describe("a value that only one caller can use", () => {
  for (const [kind, make] of kinds) {
    for (const [what, value, words] of once) {
      it(`${what} fails all callers at once, over ${kind}, with the remedy`, async () => {
        const cache = createCache<any>({ adapter: make(), cooldown: 0 })
        const asked = await Promise.allSettled([
          cache.getOrSet("k", value),
          cache.getOrSet("k", value),
          cache.getOrSetMany(["a"], () => [["a", value()]]),
          cache.set("s", value()),
          cache.getOrSet("u", value, { shouldCache: () => false })
        ])
        for (const { reason, status } of asked as Array<PromiseRejectedResult>) {
          assert.strictEqual(status, "rejected")
          assert.isTrue(hasTag(reason, "ENCODE_FAILED"), String(reason))
          assert.include((reason as EncodeFailed).message, words)
        }
        for (const key of ["k", "a", "s", "u"]) assert.isFalse(await cache.has(key))
      })
    }

    it(`a promise of an Effect fetcher, and one among many values, over ${kind}`, async () => {
      const cache = createCache<any>({ adapter: make(), cooldown: 0 })
      const error = await cache
        .getOrSetMany(["a", "b"], (keys) => keys.map((key) => [key, Promise.reject(new Error(key))] as const))
        .then(assert.fail as never, (error) => error)
      assert.strictEqual(error.message, "every caller gets the same value, and this one is a promise: await it")
    })
  }

  it("one that only looks like it is a value", async () => {
    const cache = createCache<any>({ adapter: remote(MemoryAdapter.make()) })
    for (const value of [
      [1],
      new Map([[1, 2]]),
      { next: 5, body: "x" },
      new URLSearchParams("a=1"),
      new Uint8Array([1])
    ]) {
      assert.deepStrictEqual(await cache.getOrSet(`k${keys++}`, () => value), value)
    }
  })
})

let keys = 0

class User {
  readonly name = "Ada"
}

/** Collects the lines that an effect logs. */
const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  return { lines, layer: Logger.layer([logger]) }
}

describe("a value that memory keeps by reference and no other store keeps", () => {
  scenario("is warned of in development, once for each kind, with its path", (world) => {
    const { layer, lines } = logged()
    return Effect.provide(
      Effect.gen(function* () {
        const { cache } = yield* world.cache<any>()
        for (const key of ["a", "b", "c"]) {
          const user = new User()
          const { value } = yield* cache.getOrSet(key, () => Effect.succeed({ users: [user] }))
          assert.strictEqual(value.users[0], user)
        }
        yield* cache.set("f", { f: () => 1 })
        yield* cache.set("plain", { at: new Date(0) })
        assert.strictEqual(lines.length, 2)
        assert.include(lines[0], "memory keeps by reference what any other store refuses")
        assert.include(lines[0], "Cannot stringify an instance of User (at .users[0])")
        assert.include(lines[1], "(at .f)")
      }),
      layer
    )
  })

  scenario("is not in production", (world) => {
    const { layer, lines } = logged()
    return Effect.provide(
      Effect.gen(function* () {
        const before = process.env["NODE_ENV"]
        process.env["NODE_ENV"] = "production"
        const { cache } = yield* world.cache<any>()
        if (before === undefined) delete process.env["NODE_ENV"]
        else process.env["NODE_ENV"] = before
        yield* cache.set("a", new User())
        assert.deepStrictEqual(lines, [])
      }),
      layer
    )
  })
})

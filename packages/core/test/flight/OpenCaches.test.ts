/** Caches of one name over one store have one codec, should have a name, and close an adapter together. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Cache from "../../src/Cache.ts"
import * as Codec from "../../src/codec/Codec.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { createCache } from "../../src/promise.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import * as Tiered from "../../src/stores/tiered/Tiered.ts"
import { Origin } from "../support/Origin.ts"
import { advance, beginMany, joinAll, scenario } from "../support/Scenario.ts"
import { remote } from "../support/Wrappers.ts"

/** The message of the refusal, or that there was none. */
const opened = (options: Partial<Cache.Options<any>> & { readonly adapter: Adapter }) =>
  Effect.match(Cache.make<any>(options), {
    onFailure: ({ message, option }) => `${option}: ${message}`,
    onSuccess: () => "open"
  })

const person = (field = "name") => Schema.Struct({ [field]: Schema.String, since: Schema.Date })

describe("a second open cache of one name", () => {
  it.effect("is refused with another codec, which is named with the remedy", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const adapter = MemoryAdapter.make()
        yield* Cache.make<any>({ adapter, name: "users", codec: Codec.json() })
        const refusal = yield* opened({ adapter, name: "users", codec: Codec.string as Codec.Codec<any> })
        assert.strictEqual(
          refusal,
          'codec: codec is "string"; accepted: the codec "json" as the open cache "users" over memory, whose keys it ' +
            "shares; or give this one another name, or close that one first"
        )
        assert.include(yield* opened({ adapter, name: "users" }), 'codec is "default"')
        assert.strictEqual(yield* opened({ adapter, name: "orders", codec: Codec.string as Codec.Codec<any> }), "open")
        assert.strictEqual(yield* opened({ adapter, codec: Codec.string as Codec.Codec<any> }), "open")
        assert.include(yield* opened({ adapter }), "the open cache without a name over memory")
        // Another store, though it has the same name.
        const other = MemoryAdapter.make()
        assert.strictEqual(yield* opened({ adapter: other, name: "users" }), "open")
      })
    )
  )

  it.effect("is refused with another schema, and not with the same one written again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const adapter = MemoryAdapter.make()
        const wrapped = (schema: ReturnType<typeof person>) =>
          Codec.map(Codec.schema(schema), { name: "same", encode: (value: any) => value, decode: (value) => value })
        yield* Cache.make<any>({ adapter, name: "plain", codec: Codec.schema(person()) as Codec.Codec<any> })
        yield* Cache.make<any>({ adapter, name: "mapped", codec: wrapped(person()) })
        for (const [name, codec] of [
          ["plain", Codec.schema(person())],
          ["mapped", wrapped(person())]
        ] as const) {
          assert.strictEqual(yield* opened({ adapter, name, codec: codec as Codec.Codec<any> }), "open")
        }
        for (const [name, codec] of [
          ["plain", Codec.schema(person("title"))],
          ["mapped", wrapped(person("title"))]
        ] as const) {
          const refusal = yield* opened({ adapter, name, codec: codec as Codec.Codec<any> })
          assert.include(refusal, `accepted: the same schema as the open cache "${name}"`)
        }
      })
    )
  )

  it.effect("is refused only while the first is open, and nothing of the refused one stays", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const first = yield* Scope.make()
      yield* Scope.provide(Cache.make<any>({ adapter, name: "users", codec: Codec.json() }), first)
      assert.include(yield* Effect.scoped(opened({ adapter, name: "users" })), "codec is")
      yield* Scope.close(first, Exit.void)
      assert.strictEqual(yield* Effect.scoped(opened({ adapter, name: "users" })), "open")
      assert.strictEqual(yield* Effect.scoped(opened({ adapter, name: "users", codec: Codec.json() })), "open")
    })
  )

  scenario("with an equal codec shares flights", (world) =>
    Effect.gen(function* () {
      const { adapter } = world.process(remote)
      const schema = person()
      for (const codec of [undefined, Codec.schema(schema) as Codec.Codec<any>]) {
        world.codecs.add(codec)
        const options = { adapter, name: codec === undefined ? "a" : "b", codec }
        const caches = [yield* Cache.make<any>(options), yield* Cache.make<any>(options)]
        const origin = new Origin()
        const load = origin.load(100, () => Effect.succeed({ name: "Ada", since: new Date(0) }))
        const callers = yield* beginMany(4, (n) => caches[n % 2]!.getOrSet("k", load))
        yield* advance(200)
        const answers = yield* joinAll(callers)
        assert.strictEqual(origin.calls, 1)
        for (const { value } of answers) assert.strictEqual(value, answers[0]!.value)
      }
    })
  )
})

describe("open caches without a name over one store", () => {
  const logging = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      return Effect.as(Effect.provide(effect, Logger.layer([logger])), lines)
    })

  it.effect("are reported once, with the remedy", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const lines = yield* logging(Effect.scoped(Effect.repeat(Cache.make<string>({ adapter }), { times: 3 })))
      assert.deepStrictEqual(lines, [
        "cache-locking: several open caches over memory have no name, so they share their keys: each reads and clears " +
          "the values of the others. Give each a name of its own, or pass one cache around. Reported once"
      ])
    })
  )

  it.effect("are not reported where they are open one after the other, have names, or serve one request each", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const lines = yield* logging(
        Effect.gen(function* () {
          yield* Effect.repeat(Effect.scoped(Cache.make<string>({ adapter })), { times: 3 })
          yield* Effect.scoped(
            Effect.gen(function* () {
              for (const name of ["a", "b", "b", "default"]) yield* Cache.make<string>({ adapter, name })
              for (let n = 0; n < 3; n++) yield* Cache.make<string>({ adapter, waitUntil: () => {} })
            })
          )
        })
      )
      assert.deepStrictEqual(lines, [])
    })
  )
})

describe("an adapter", () => {
  const closing = (adapter: Adapter) => {
    let closed = 0
    const close = Effect.sync(() => void closed++)
    return { adapter: { ...adapter, identity: {}, close } as Adapter, closed: () => closed }
  }

  it("is closed with the last cache over it, whatever their names", async () => {
    const { adapter, closed } = closing(remote(MemoryAdapter.make()))
    const caches = ["users", "users", "orders", undefined].map((name) => createCache<string>({ adapter, name }))
    for (const cache of caches) {
      assert.strictEqual(closed(), 0)
      await cache.close()
      await cache.close()
    }
    assert.strictEqual(closed(), 1)
  })

  it("a near tier's part for a name ends with the last cache of that name", async () => {
    const listening: Array<string> = []
    const far = remote(MemoryAdapter.make())
    const { adapter, closed } = closing({
      ...far,
      changes: (listener) =>
        Effect.andThen(
          Effect.acquireRelease(
            Effect.sync(() => void listening.push("on")),
            () => Effect.sync(() => void listening.push("off"))
          ),
          far.changes!(listener)
        )
    })
    const tiered = Tiered.make([{}, adapter])
    const [users, more, orders] = ["users", "users", "orders"].map((name) =>
      createCache<string>({ adapter: tiered, name })
    )
    for (const cache of [users, more, orders]) await cache!.get("42")
    assert.deepStrictEqual(listening, ["on", "on"])
    await users!.close()
    assert.deepStrictEqual(listening, ["on", "on"])
    await more!.close()
    assert.deepStrictEqual([listening, closed()], [["on", "on", "off"], 0])
    await orders!.close()
    assert.deepStrictEqual([listening, closed()], [["on", "on", "off", "off"], 1])
  })
})

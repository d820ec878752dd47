import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Cache from "../src/Cache.ts"
import * as Codec from "../src/Codec.ts"
import * as MemoryAdapter from "../src/MemoryAdapter.ts"
import { Origin } from "./support/Origin.ts"
import { advance, begin, beginMany, ended, flightsOf, flush, joinAll, scenario, waits } from "./support/Scenario.ts"
import { remote, slow } from "./support/Wrappers.ts"

describe("many callers of one process", () => {
  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote],
    ["a slow remote store", (adapter: any) => slow(remote(adapter), 20)]
  ] as const) {
    scenario(`1,000 callers make one load over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({}, wrap)
        const origin = new Origin()
        const callers = yield* beginMany(1000, () => cache.getOrSet("k", origin.gives(200)))
        assert.strictEqual(flightsOf(process.adapter), 1)
        assert.strictEqual((yield* cache.explain("k").pipe(Effect.forkChild, Effect.tap(advance(20)), Effect.flatMap(Fiber.join))).waitersHere, 1000)
        yield* advance(300)
        const answers = yield* joinAll(callers)
        assert.strictEqual(origin.calls, 1)
        assert.isTrue(answers.every(({ value }) => value === "v1"))
        assert.deepStrictEqual(
          [answers[0]!.meta.cache, ...new Set(answers.slice(1).map(({ meta }) => meta.cache))],
          ["MISS-LEADER", "MISS-FOLLOWER-HIT"]
        )
        assert.deepStrictEqual(process.verbs.filter((verb) => verb !== "read"), ["acquire", "fill"])
      })
    )
  }
})

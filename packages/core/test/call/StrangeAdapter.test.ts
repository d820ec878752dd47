/** Nothing that an adapter answers ends the process, or hangs a call. */
import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { watchProcessEnds } from "../support/ProcessEnds.ts"
import { advance, begin, ended, scenario } from "../support/Scenario.ts"
import { remote } from "../support/Wrappers.ts"

watchProcessEnds()

const deeds: { readonly [name: string]: () => any } = {
  "throws an error": () => {
    throw new Error("thrown")
  },
  "answers nothing": () => undefined,
  "succeeds with nothing": () => Effect.succeed(undefined),
  "succeeds with null": () => Effect.succeed(null),
  "succeeds with text": () => Effect.succeed("Hit"),
  "succeeds with an object": () => Effect.succeed({}),
  "succeeds with a hit without a value": () => Effect.succeed({ _tag: "Hit", freshFor: 1, age: 1, took: 1 }),
  "succeeds with a hit without bytes": () => Effect.succeed({ _tag: "Hit", value: {}, freshFor: 1, age: 1, took: 1 }),
  "succeeds with a leader without a token": () => Effect.succeed({ _tag: "Leader" }),
  "succeeds with a stale value that is none": () => Effect.succeed({ _tag: "Leader", token: "t", stale: {} }),
  "succeeds with a snapshot of nonsense": () => Effect.succeed({ value: 5, freshFor: "x" }),
  dies: () => Effect.die("dead"),
  "fails with no AdapterError": () => Effect.fail(undefined)
}

const verbs = ["acquire", "acquireMany", "fill", "abandon", "read", "put", "delete", "touch", "watch"] as const

describe("an adapter", () => {
  for (const verb of verbs) {
    for (const [what, deed] of Object.entries(deeds)) {
      scenario(
        `whose ${verb} ${what}: every call ends`,
        (world) =>
          Effect.gen(function* () {
            const { cache } = yield* world.cache<any>(
              { waitMax: 500, tags: ["t"], cacheTtl: 1_000, sliding: true },
              (adapter) => {
                const bent: Adapter = { ...remote(adapter), [verb]: deed }
                return bent
              }
            )
            yield* world.crash("led", 300)
            const callers = yield* Effect.forEach(
              [
                cache.getOrSet("a", () => Effect.succeed(1)),
                cache.getOrSet("led", () => Effect.succeed(1)),
                cache.getOrSet("f", () => Effect.fail("down")),
                cache.getOrSetMany(["a", "b"], (keys) => Effect.succeed(keys.map((key) => [key, 1] as const))),
                cache.refresh("a", () => Effect.succeed(2)),
                cache.get("a"),
                cache.set("c", 1),
                cache.delete("c"),
                cache.invalidateTag("t"),
                cache.explain("a")
              ] as ReadonlyArray<Effect.Effect<unknown, unknown>>,
              (call) => begin(Effect.exit(call))
            )
            yield* advance(60_000)
            for (const caller of callers) ended(caller)
          }),
        { untidy: true }
      )
    }
  }
})

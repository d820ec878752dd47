import { suite } from "@cache-locking/conformance-kit/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import * as Setups from "../src/Setups.ts"

const names = Setups.names()

it("there is a setup per adapter and backend", () => {
  expect(names).toEqual([
    "cloudflare-d1",
    "cloudflare-kv",
    "dynamodb",
    "memcached",
    "memory",
    "memory-conditional",
    "memory-tiered",
    "memory-tiered-bus",
    "memory-values",
    "mongodb",
    "postgres",
    "r2",
    "r2-s3",
    "redis",
    "redis-cluster",
    "redis-cluster-tiered",
    "redis-tiered",
    "s3",
    "valkey",
    "valkey-tiered"
  ])
})

// Servers are started while tests are collected: which tests there are depends on them.
for (const name of names) {
  const setup = await Setups.load(name)
  const scope = Scope.makeUnsafe()
  const opened = await Effect.runPromise(Effect.result(Scope.provide(setup.open, scope)))
  describe(name, () => {
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    if (Result.isSuccess(opened)) suite(opened.success.setup)
    else it.skip(`not run: ${opened.failure.reason}`)
  })
}

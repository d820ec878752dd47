/** The conformance kit over the setups that no package tests itself. */
import { suite } from "@cache-locking/conformance-kit/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import { names, setups } from "../src/setups/Setups.ts"

const testedHere = [
  "memory",
  "memory-conditional",
  "memory-tiered",
  "memory-tiered-bus",
  "memory-values",
  "cluster",
  "cluster-tiered",
  "redis-cluster-tiered",
  "redis-tiered",
  "valkey-tiered"
]

/**
 * The packages of these adapters run the kit in their own tests, on the same servers and behind the same proxy.
 * `npx -y pnpm@12 conformance` tests them all again.
 */
const testedByTheirPackages = [
  "cloudflare-d1",
  "cloudflare-kv",
  "dynamodb",
  "memcached",
  "mongodb",
  "postgres",
  "r2",
  "r2-s3",
  "redis",
  "redis-cluster",
  "s3",
  "valkey"
]

it("there is a setup for each adapter and backend, and each is tested", () => {
  expect([...testedHere, ...testedByTheirPackages].sort()).toEqual(names)
})

// Which tests there are depends on the servers, so they are started first.
for (const name of testedHere) {
  const scope = Scope.makeUnsafe()
  const opened = await Effect.runPromise(Effect.result(Scope.provide(setups[name]!.open, scope)))
  describe(name, () => {
    if (Result.isFailure(opened)) return it.skip(`not run: ${opened.failure.reason}`)
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    suite(opened.success.setup, { concurrent: true })
  })
}

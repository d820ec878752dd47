import { check } from "@cache-locking/conformance-kit"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { describe, it } from "vitest"
import * as Setups from "../../src/Setups.ts"

/** Most cases wait more than they work, and keys of one do not touch another's. */
const concurrency = 4

/**
 * A test for each case of each setup. They are judged while tests are collected, one setup after the other; which tests
 * there are depends on the servers.
 */
export const judge = async (names: ReadonlyArray<string>): Promise<void> => {
  for (const name of names) {
    const setup = await Setups.load(name)
    const scope = Scope.makeUnsafe()
    const opened = await Effect.runPromise(Effect.result(Scope.provide(setup.open, scope)))
    if (Result.isFailure(opened)) {
      describe(name, () => it.skip(`not run: ${opened.failure.reason}`))
      continue
    }
    const { cases, seed } = await Effect.runPromise(check(opened.success.setup, { concurrency }))
    await Effect.runPromise(Scope.close(scope, Exit.void))
    describe(`${name}, seed ${seed}`, () => {
      for (const { law, name, verdict } of cases) {
        if (verdict.outcome === "skipped") it.skip(`${law}: ${name} (skipped: ${verdict.reason})`)
        else {
          it(`${law}: ${name}`, () => {
            if (verdict.outcome === "failed") throw verdict.error
          })
        }
      }
    })
  }
}

/** Binds the kit to `node:test`: one test per case, grouped by law. */
import { after, before, describe, it } from "node:test"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { cases } from "./cases/Cases.ts"
import * as Session from "./session/Session.ts"
import { laws, titleOf } from "./world/Law.ts"
import type { Setup } from "./world/Setup.ts"

/** Registers the whole contract for an adapter. */
export const suite = (setup: Setup): void => {
  describe(`${setup.name}: the adapter contract`, () => {
    const scope = Scope.makeUnsafe()
    let session: Session.Session | undefined
    before(async () => {
      session = await Effect.runPromise(Scope.provide(Session.open(setup), scope))
      console.info(`${setup.name}: random histories are reproduced by CACHE_LOCKING_SEED=${session.seed}`)
    })
    after(() => Effect.runPromise(Scope.close(scope, Exit.void)))

    for (const { id, text } of laws) {
      describe(`${titleOf(id)}: ${text}`, () => {
        for (const one of cases) {
          if (one.law !== id) continue
          it(one.name, { skip: Session.skipReason(one, setup) ?? false }, async (context) => {
            const verdict = await Effect.runPromise(session!.judge(one))
            if (verdict.outcome === "skipped") context.skip(verdict.reason)
            if (verdict.outcome === "failed") throw verdict.error
          })
        }
      })
    }
  })
}

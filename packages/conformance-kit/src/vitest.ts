/** Binds the kit to vitest: one test per case, grouped by law. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll, describe, it } from "vitest"
import { cases } from "./cases/Cases.ts"
import * as Session from "./session/Session.ts"
import type { Case } from "./world/Case.ts"
import { laws, titleOf } from "./world/Law.ts"
import type { Setup } from "./world/Setup.ts"

export interface SuiteOptions {
  /** Runs the cases of a law beside each other, for backends whose tick is long. Default false. */
  readonly concurrent?: boolean | undefined
}

/** A case that is repeated with longer times may take minutes on a slow machine. */
const timeout = 900_000

/** Registers the whole contract for an adapter. */
export const suite = (setup: Setup, options: SuiteOptions = {}): void => {
  describe(`${setup.name}: the adapter contract`, () => {
    const scope = Scope.makeUnsafe()
    let session: Session.Session | undefined
    beforeAll(async () => {
      session = await Effect.runPromise(Scope.provide(Session.open(setup), scope))
      console.info(`${setup.name}: random histories are reproduced by CACHE_LOCKING_SEED=${session.seed}`)
    }, timeout)
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)), timeout)

    const register = (one: Case): void => {
      const reason = Session.skipReason(one, setup)
      if (reason !== undefined) {
        it.skip(`${one.name} (skipped: ${reason})`)
        return
      }
      const test = one.alone || !options.concurrent ? it : it.concurrent
      test(one.name, { timeout }, async (context) => {
        const verdict = await Effect.runPromise(session!.judge(one), { signal: context.signal })
        if (verdict.outcome === "skipped") context.skip(verdict.reason)
        if (verdict.outcome === "failed") throw verdict.error
      })
    }

    for (const { id, text } of laws) {
      describe(`${titleOf(id)}: ${text}`, () => {
        for (const one of cases) if (one.law === id) register(one)
      })
    }
  })
}

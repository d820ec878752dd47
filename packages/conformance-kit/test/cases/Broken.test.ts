import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { cases } from "../../src/cases/Cases.ts"
import * as Session from "../../src/session/Session.ts"
import { Violation } from "../../src/world/Verdict.ts"
import { contents } from "../fixtures/broken/Contents.ts"
import { ending } from "../fixtures/broken/Ending.ts"
import { freshness } from "../fixtures/broken/Freshness.ts"
import { leases } from "../fixtures/broken/Leases.ts"
import { renewing } from "../fixtures/broken/Renewing.ts"
import { surroundings } from "../fixtures/broken/Surroundings.ts"
import { telling } from "../fixtures/broken/Telling.ts"
import { waking } from "../fixtures/broken/Waking.ts"

const broken = [...leases, ...ending, ...freshness, ...contents, ...waking, ...renewing, ...telling, ...surroundings]

const caseOf = (name: string) => {
  const found = cases.find((one) => one.name === name)
  if (found === undefined) throw new Error(`the kit has no case "${name}"`)
  return found
}

const judge = (setup: Parameters<typeof Session.open>[0], name: string) =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(Session.open(setup), (session) => session.judge(caseOf(name)))))

describe("every broken adapter is caught by the case for it", () => {
  for (const { caughtBy, fault, setup } of broken) {
    for (const name of caughtBy) {
      const test = caseOf(name).alone ? it : it.concurrent
      test(`${fault}: caught by "${name}"`, async () => {
        const verdict = await judge(setup(), name)
        expect(verdict.outcome).toBe("failed")
        if (verdict.outcome === "failed") expect(verdict.error).toBeInstanceOf(Violation)
      })
    }
  }
})

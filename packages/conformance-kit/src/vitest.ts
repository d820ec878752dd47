/** Binds the kit to vitest: one test per case, grouped by law; and the suites of faults and races. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "vitest"
import { cases } from "./cases/Cases.ts"
import * as Session from "./session/Session.ts"
import { sleep } from "./testing/Calls.ts"
import { type Check, ensure } from "./testing/Check.ts"
import { type ProcessRaces, processRaces } from "./testing/ProcessRaces.ts"
import { type FaultSetup, underFaults } from "./testing/UnderFaults.ts"
import type { Case } from "./world/Case.ts"
import { laws, titleOf } from "./world/Law.ts"
import type { Setup } from "./world/Setup.ts"
import { NotApplicable } from "./world/Verdict.ts"
import type { Rounds } from "./world/World.ts"

export { Contenders, type Outcomes } from "./testing/Contenders.ts"
export type { ProcessRaces } from "./testing/ProcessRaces.ts"
export type { FaultSetup, Network, UnderFaults } from "./testing/UnderFaults.ts"

export interface SuiteOptions {
  /** Runs the cases of a law beside each other, for backends whose tick is long. Default: false. */
  readonly concurrent?: boolean | undefined
}

/** A case that is repeated with longer times may take minutes on a slow machine. */
const timeout = 900_000

const judging = (setup: Setup, all: ReadonlyArray<Case>, options: SuiteOptions, rounds?: Rounds): void => {
  const scope = Scope.makeUnsafe()
  let session: Session.Session | undefined
  beforeAll(async () => {
    session = await Effect.runPromise(Scope.provide(Session.open(setup, rounds), scope))
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
    const ofLaw = all.filter(({ law }) => law === id)
    if (ofLaw.length > 0) describe(`${titleOf(id)}: ${text}`, () => ofLaw.forEach(register))
  }
}

/** Registers the whole contract for an adapter. */
export const suite = (setup: Setup, options: SuiteOptions = {}): void => {
  describe(`${setup.name}: the adapter contract`, () => judging(setup, cases, options))
}

export interface RaceOptions {
  /** The rounds of a race of two; a race of many has a quarter of them. Default: 200. */
  readonly rounds?: number | undefined
  /** The number of rounds of a race that run at once. Default: 8. */
  readonly atOnce?: number | undefined
  /** Runs only these, by the names of their cases, where all take too long over a backend. */
  readonly only?: ReadonlyArray<string> | undefined
}

/**
 * Registers the races of the contract once more, each in hundreds of rounds instead of twenty. All `peers` take part,
 * so return `more`, each with a connection of its own.
 */
export const races = (setup: Setup, { atOnce = 8, only, rounds = 200 }: RaceOptions = {}): void => {
  describe(`${setup.name}: ${rounds} rounds of each race`, () => {
    const chosen = cases.filter(({ name, race }) => race && (only?.includes(name) ?? true))
    judging(setup, chosen, {}, { count: rounds, atOnce })
  })
}

const registering = (checks: ReadonlyArray<Check>): void => {
  for (const { name, run } of checks) {
    it(name, { timeout }, async (context) => {
      try {
        await run()
      } catch (error) {
        if (error instanceof NotApplicable) return context.skip(error.message)
        throw error
      }
    })
  }
}

/** Fails every test of this file or block that leaves an unhandled rejection or an uncaught exception. */
export const failOnUnhandled = (): void => {
  const unhandled: Array<unknown> = []
  const note = (error: unknown) => unhandled.push(error)
  const events = ["unhandledRejection", "uncaughtException"] as const
  beforeEach(() => {
    unhandled.length = 0
    for (const event of events) process.on(event, note)
  })
  afterEach(async () => {
    await sleep(20)
    for (const event of events) process.off(event, note)
    ensure(unhandled.length === 0, `nobody handles ${unhandled.map(String)}`)
  })
}

/** Registers a test for each fault that an adapter must survive: see `FaultSetup`. */
export const suiteUnderFaults = (setup: FaultSetup): void => {
  describe(`${setup.name} under faults`, () => {
    failOnUnhandled()
    registering(underFaults(setup))
  })
}

/** Registers races between processes: see `ProcessRaces`. */
export const racesOfProcesses = (setup: ProcessRaces): void => {
  describe(`${setup.name}: races of processes`, () => registering(processRaces(setup)))
}

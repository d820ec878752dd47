/** Runs the kit without a test runner. */
import * as Effect from "effect/Effect"
import { cases } from "../cases/Cases.ts"
import type { Case } from "../world/Case.ts"
import { factsOf } from "../world/Claims.ts"
import type { Setup } from "../world/Setup.ts"
import { now } from "../world/Time.ts"
import type { Judged, Report } from "./Report.ts"
import * as Session from "./Session.ts"

export interface CheckOptions {
  /** Called with each case as soon as it is judged. */
  readonly onJudged?: ((judged: Judged) => void) | undefined
  /** The number of cases that run at once, for backends with a long tick. Cases that move the clock still run alone. Default: 1. */
  readonly concurrency?: number | undefined
}

const judged = (session: Session.Session, one: Case, options: CheckOptions): Effect.Effect<Judged> =>
  Effect.suspend(() => {
    const start = now()
    return Effect.map(session.judge(one), (verdict) => {
      const result: Judged = { law: one.law, name: one.name, verdict, millis: Math.round(now() - start) }
      options.onJudged?.(result)
      return result
    })
  })

/** Judges an adapter by every case. Fails only when the peers cannot be opened. */
export const check = (setup: Setup, options: CheckOptions = {}): Effect.Effect<Report, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const session = yield* Session.open(setup)
      const { here } = session.peers
      const results = new Map<Case, Judged>()
      const judge = (one: Case) => Effect.map(judged(session, one, options), (result) => results.set(one, result))
      yield* Effect.forEach(
        cases.filter(({ alone }) => alone),
        judge
      )
      yield* Effect.forEach(
        cases.filter(({ alone }) => !alone),
        judge,
        { concurrency: options.concurrency ?? 1 }
      )
      return {
        name: setup.name,
        adapter: here.name,
        limits: here.limits,
        facts: factsOf(here),
        seed: session.seed,
        cases: cases.map((one) => results.get(one)!)
      }
    })
  )

/**
 * Two opened peers, and the judge of cases on them. Every binding uses it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Case, Need } from "../world/Case.ts"
import { show } from "../world/Expect.ts"
import * as Setup from "../world/Setup.ts"
import { Time } from "../world/Time.ts"
import { failed, Inconclusive, NotApplicable, passed, skipped, type Verdict, Violation } from "../world/Verdict.ts"
import { type Rounds, World } from "../world/World.ts"

/** The number of attempts at a case for which the machine is too slow, each with doubled times. */
const attempts = 5

/** Only a case that hangs takes this long. */
const hanging = 120_000

const environment = (): { readonly [name: string]: string | undefined } =>
  (globalThis as { process?: { env?: { readonly [name: string]: string | undefined } } }).process?.env ?? {}

/** The seed of random histories: the given one, else that of the environment, else a new one. */
export const seedOf = (setup: Setup.Setup): number => {
  const told = Number.parseInt(environment()["CACHE_LOCKING_SEED"] ?? "", 10)
  return setup.seed ?? (Number.isNaN(told) ? Math.floor(Math.random() * 1_000_000) : told)
}

/** True where this process's clock goes on while it computes. A Worker's stands still between requests to the outside. */
const clockRuns = (): boolean => {
  const { navigator, WebSocketPair } = globalThis as { navigator?: { userAgent?: string }; WebSocketPair?: unknown }
  // A flag or an old compatibility date takes the navigator away.
  return navigator?.userAgent !== "Cloudflare-Workers" && typeof WebSocketPair !== "function"
}

type Given = Pick<Setup.Setup, "claims" | "records" | "stall">

const absence = (need: Need, { claims, records, stall }: Given): string | undefined => {
  switch (need) {
    case "records":
      return records ? undefined : "the setup gives no `records` to look at"
    case "stall":
      return stall ? undefined : "the setup gives no `stall` to make the backend stop answering"
    case "a store's clock":
      return claims.clock === "store" ? undefined : `the clock is claimed to be the ${claims.clock}'s`
    case "the process's clock":
      return claims.clock === "process" ? undefined : `the clock is claimed to be the ${claims.clock}'s`
    case "a clock that runs":
      return clockRuns()
        ? undefined
        : "inside a Worker the time of a reply is unknown: run the kit from outside as well"
    default:
      return claims[need] === false ? `claimed to have no ${need}` : undefined
  }
}

/** The reason to skip a case, from the claims of the author. The claims are cases themselves. */
export const skipReason = (one: Case, setup: Given): string | undefined => one.needs && absence(one.needs, setup)

export class Session {
  readonly setup: Setup.Setup
  readonly peers: Setup.Peers
  readonly seed: number
  /** The rounds of races; each case's own number where none is given. */
  readonly rounds: Rounds | undefined

  constructor(setup: Setup.Setup, peers: Setup.Peers, seed: number, rounds?: Rounds) {
    this.setup = setup
    this.peers = peers
    this.seed = seed
    this.rounds = rounds
  }

  /** Judges one case. Never fails: a failure is part of the verdict. */
  judge(one: Case): Effect.Effect<Verdict> {
    const reason = skipReason(one, this.setup)
    return reason === undefined ? this.attempt(one, 1) : Effect.succeed(skipped(reason))
  }

  private attempt(one: Case, attempt: number): Effect.Effect<Verdict> {
    const { claims, records, stall } = this.setup
    const time = new Time(this.peers.here.limits?.tick ?? 1, 2 ** (attempt - 1))
    const { rounds } = this
    const world = new World({ ...this.peers, claims, time, seed: this.seed, records, stall, rounds })
    const patience = (hanging + time.units(200)) * (rounds === undefined ? 1 : 3)
    const judged = Effect.andThen(
      one.run(world),
      Effect.sync(() => {
        // With a tick of a second, the tick alone decides which is first.
        if (rounds === undefined || world.outcomes.size !== 1 || time.tick > 100) return
        throw new Inconclusive(`in all ${rounds.count} rounds the same one was first (${[...world.outcomes]})`)
      })
    )
    return Effect.scoped(judged).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.die(new Violation(`still running after ${patience} ms`))
      }),
      Effect.exit,
      Effect.flatMap((exit) => {
        if (Exit.isSuccess(exit)) return Effect.succeed(passed)
        const error = Cause.squash(exit.cause)
        if (error instanceof NotApplicable) return Effect.succeed(skipped(error.message))
        if (!(error instanceof Inconclusive)) return Effect.succeed(failed(asError(error, one)))
        return attempt < attempts
          ? this.attempt(one, attempt + 1)
          : Effect.succeed(
              failed(new Inconclusive(`this machine is too slow to judge "${one.name}": ${error.message}`))
            )
      })
    )
  }
}

const asError = (thrown: unknown, one: Case): Error => {
  if (thrown instanceof Violation) return thrown
  return new Violation(`"${one.name}" ended with ${show(thrown)}`, { cause: thrown })
}

/** Opens the peers for as long as the scope. */
export const open = (setup: Setup.Setup, rounds?: Rounds): Effect.Effect<Session, unknown, Scope.Scope> =>
  Effect.map(Setup.open(setup), (peers) => new Session(setup, peers, seedOf(setup), rounds))

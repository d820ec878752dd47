/** Races between processes, whose connections, clocks and memories are their own. */
import type { Adapter } from "@cache-locking/core"
import { show } from "../world/Expect.ts"
import { ask, lead, run } from "./Calls.ts"
import { type Check, ensure } from "./Check.ts"
import type { Part } from "./Contend.ts"
import { Contenders } from "./Contenders.ts"

export interface ProcessRaces {
  readonly name: string
  /** A module that ends with `contend(…)`. */
  readonly file: URL
  /** The arguments of the module: its `process.argv.slice(2)`. */
  readonly args: ReadonlyArray<string>
  /** An adapter of this process over the same keys. */
  readonly adapter: () => Adapter | Promise<Adapter>
  /** Default: 4. */
  readonly processes?: number | undefined
  /** Callers of each process that ask at once. Default: 12. */
  readonly callers?: number | undefined
  /** Default: 200. */
  readonly rounds?: number | undefined
}

export const processRaces = (setup: ProcessRaces): ReadonlyArray<Check> => {
  const { callers = 12, processes = 4, rounds = 200 } = setup

  type Round = (
    key: string,
    part: (of: (process: number) => Part) => Promise<ReadonlyArray<string>>,
    n: number
  ) => Promise<unknown>

  const check = (name: string, round: (adapter: Adapter) => Round): Check => ({
    name,
    run: async () => {
      const one = round(await setup.adapter())
      await using contenders = await Contenders.start(setup.file, setup.args, processes)
      const run = crypto.randomUUID()
      for (let n = 0; n < rounds; n++) {
        const parts = (of: (process: number) => Part) => Array.from({ length: processes }, (_, process) => of(process))
        await one(`${run} ${n}`, async (of) => (await contenders.round(parts(of))).flat(), n)
      }
    }
  })

  const count = (outcomes: ReadonlyArray<string>, outcome: string) => outcomes.filter((one) => one === outcome).length

  /** Both outcomes must occur, or this is no race. */
  const bothMet = (held: ReadonlySet<boolean>, n: number) =>
    ensure(n < rounds - 1 || held.size === 2, `in all rounds the fill was held: ${[...held]}`)

  return [
    check(`of ${processes * callers} in ${processes} processes one leads and fills`, () => async (key, race) => {
      const outcomes = await race(() => ({ task: "acquire", key, callers }))
      ensure(count(outcomes, "Leader") === 1, `of ${key}: ${show(outcomes)}`)
      // A caller that asks after the fill hits.
      const others = count(outcomes, "Follower") + count(outcomes, "Hit")
      ensure(others === processes * callers - 1, `of ${key}: ${show(outcomes)}`)
    }),

    check(
      "a fill against deletes of other processes: what was filled is deleted once, and nothing is left",
      (adapter) => {
        const met = new Set<boolean>()
        return async (key, race, n) => {
          const { token } = await lead(adapter, key)
          const outcomes = await race((process) =>
            process === n % processes
              ? { task: "fill", key, token, callers: 2, after: n % 5 }
              : { task: "delete", key, callers: 2, after: Math.floor(n / 2) % 3 }
          )
          const held = count(outcomes, "held")
          ensure(held <= 1 && count(outcomes, "existed") === held, `of ${key}: ${show(outcomes)}`)
          ensure((await run(adapter.read(key))).value === undefined, `a value of ${key} is left: ${show(outcomes)}`)
          bothMet(met.add(held === 1), n)
        }
      }
    ),

    check("a fill as its lease ends, or another process leads: never both", (adapter) => {
      const met = new Set<boolean>()
      return async (key, race, n) => {
        const after = (n * 7) % 60
        const { token } = await lead(adapter, key, "me", { leaseFor: 40 })
        const outcomes = await race((process) =>
          process === n % processes
            ? { task: "fill", key, token, after }
            : { task: "acquire", key, callers: 4, after: Math.max(0, after - (process % 3)) }
        )
        const held = count(outcomes, "held")
        ensure(held + count(outcomes, "Leader") <= 1, `of ${key}: ${show(outcomes)}`)
        ensure(!outcomes.some((one) => one.includes("but")), `of ${key}: ${show(outcomes)}`)
        bothMet(met.add(held === 1), n)
        if (held === 1) ensure((await run(adapter.acquire(key, ask("you"))))._tag === "Hit", `${key} is gone`)
      }
    })
  ]
}

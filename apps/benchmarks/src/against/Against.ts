/** Compares the working tree with an older commit. */
import { Unavailable } from "@cache-locking/test-servers"
import type { Arguments } from "../Arguments.ts"
import { commit, machine } from "../report/Machine.ts"
import { plain } from "../report/Table.ts"
import { Servers } from "../Servers.ts"
import { Checkouts } from "./Checkout.ts"
import { bound, type Compared, compare, tableOf, within } from "./Comparison.ts"
import { measurements } from "./Measurements.ts"

/** The exit code: 0 when every measurement was made and is within the bound. */
export const against = async (
  older: string,
  { quick, rounds = quick ? 3 : 20, suites: names }: Arguments,
  onProgress: (text: string) => void
): Promise<number> => {
  using checkouts = new Checkouts()
  onProgress("building both")
  const sides = { old: await checkouts.build("old", older), new: await checkouts.build("new", undefined) }
  await using servers = new Servers()
  const all: Array<Compared> = []
  const missing: Array<string> = []
  for (const measurement of measurements) {
    if (!names.includes(measurement.name)) continue
    const redis = measurement.redis ? await servers.redis() : undefined
    if (redis instanceof Unavailable) {
      missing.push(`NOT RUN: ${measurement.name}: there is no Redis. ${redis.reason}`)
      continue
    }
    const { compared, failures } = await compare(measurement, sides, {
      setting: { by: "cpu", quick, redis },
      rounds,
      onProgress
    })
    all.push(...compared)
    // Shows progress, because a comparison takes minutes.
    for (const row of tableOf(compared).rows) console.error(row.join("  "))
    missing.push(...failures.map(({ error, name }) => `NOT MEASURED: ${measurement.name}, ${name}: ${error}`))
  }
  onProgress("")
  const { cores, cpu, node } = machine()
  console.log(`new: ${commit()}; old: ${older}; ${rounds} rounds; ${cores} cores of ${cpu}, Node ${node}\n`)
  console.log(plain(tableOf(all)))
  console.log(`\nThe bound: the interval begins at ${bound.low} or below, and the median is at most ${bound.median}.`)
  for (const line of missing) console.log(line)
  return missing.length > 0 || all.some((one) => within(one) === false) ? 1 : 0
}

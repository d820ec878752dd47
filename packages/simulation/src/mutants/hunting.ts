/**
 * Hunts the mutant that `mutate.ts` has put into core: in its kept story, and from fresh seeds. Prints what it found as JSON.
 *
 * `MUTANT="…" node --import ./src/mutants/mutate.ts src/mutants/hunting.ts [--seed 1] [--histories 10000] [--keep]`
 */
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import * as Oracle from "../oracle/Oracle.ts"
import * as Generator from "../story/Generator.ts"
import { shrink } from "../story/Shrink.ts"
import { stories } from "../story/Stories.ts"
import type { Story } from "../story/Story.ts"
import { simulate } from "../world/World.ts"
import { type Hunted, keptStories } from "./Hunt.ts"

const rulesOf = async (story: Story): Promise<ReadonlyArray<string>> =>
  Oracle.judge(story, await simulate(story)).map(({ rule }) => rule)

const { values } = parseArgs({
  options: {
    histories: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    keep: { type: "boolean", default: false }
  }
})

const handmade = stories.map(({ story }) => story)

const hunt = async (): Promise<Hunted> => {
  const found = JSON.parse(readFileSync(keptStories, "utf8")) as Readonly<Record<string, Story>>
  const story = found[process.env["MUTANT"] ?? ""]
  const kept: Array<string> = []
  for (const each of [...handmade, ...(story === undefined ? [] : [story])]) kept.push(...(await rulesOf(each)))
  for (let n = 0; n < Number(values.histories); n++) {
    const seed = Number(values.seed) + n
    const fresh = Generator.storyOf(Generator.kinds[n % Generator.kinds.length]!, seed)
    const [rule] = await rulesOf(fresh)
    if (rule === undefined) continue
    const found = { kept, histories: n + 1, rule, seed }
    return values.keep
      ? { ...found, story: await shrink(fresh, async (each) => (await rulesOf(each)).includes(rule)) }
      : found
  }
  return { kept }
}

console.log(JSON.stringify(await hunt()))

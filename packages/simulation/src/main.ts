/**
 * Runs histories from fresh seeds: `node src/main.ts [--histories 1000 | --minutes 30] [--seed 1] [--kind push]`.
 */
import { parseArgs } from "node:util"
import * as Oracle from "./oracle/Oracle.ts"
import * as Generator from "./story/Generator.ts"
import { shrink } from "./story/Shrink.ts"
import * as Story from "./story/Story.ts"
import { simulate } from "./world/World.ts"

const { values } = parseArgs({
  options: {
    histories: { type: "string" },
    minutes: { type: "string" },
    seed: { type: "string", default: "1" },
    kind: { type: "string" },
    stories: { type: "string", default: "3" }
  }
})
const kinds = values.kind === undefined ? Generator.kinds : [values.kind as Story.StoreKind]
const found = new Map<string, number>()
let shown = 0
const began = performance.now()
const until = values.minutes === undefined ? Infinity : began + Number(values.minutes) * 60_000
const most = Number(values.histories ?? (values.minutes === undefined ? 1_000 : Infinity))
let n = 0
for (; n < most && performance.now() < until; n++) {
  const kind = kinds[n % kinds.length]!
  const seed = Number(values.seed) + n
  const story = Generator.storyOf(kind, seed)
  const violations = Oracle.judge(story, await simulate(story))
  const rules = new Set(violations.map(({ rule }) => rule))
  for (const rule of rules) found.set(`${kind} ${rule}`, (found.get(`${kind} ${rule}`) ?? 0) + 1)
  const [rule] = rules
  if (rule === undefined || shown >= Number(values.stories)) continue
  shown++
  const same = async (story: Story.Story) =>
    Oracle.judge(story, await simulate(story)).some((each) => each.rule === rule)
  const short = await shrink(story, same)
  const [violation] = Oracle.judge(short, await simulate(short)).filter((each) => each.rule === rule)
  console.log(`seed ${seed}, ${rule}: ${violation!.message}\n${Story.told(short)}\n`)
}
const seconds = (performance.now() - began) / 1000
console.log(
  `${n} histories of ${kinds.join(", ")} in ${seconds.toFixed(1)} s, ${(n / seconds).toFixed(0)} a second, ${found.size === 0 ? "no" : "these"} violations`
)
for (const [what, count] of found) console.log(`${what}: ${count}`)
process.exitCode = found.size === 0 ? 0 : 1

/**
 * Keeps a story for each cell of the tables that fresh histories seldom reach, in `stories/cells.json`:
 * `node src/keepCells.ts [--histories 10000] [--seed 1]`. A kept story that still reaches its cell stays as it is.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import * as Coverage from "./cells/Coverage.ts"
import { keptCells } from "./cells/Kept.ts"
import * as Generator from "./story/Generator.ts"
import { shrink } from "./story/Shrink.ts"
import type { Story } from "./story/Story.ts"
import { simulate } from "./world/World.ts"

/** Cells that are reached less often than this have a story. */
const often = 100

const { values } = parseArgs({
  options: { histories: { type: "string", default: "10000" }, seed: { type: "string", default: "1" } }
})

const reaches =
  (cell: string) =>
  async (story: Story): Promise<boolean> => {
    const reached = Coverage.begin()
    await simulate(story)
    return reached.cells.has(cell)
  }

const times = new Map<string, number>()
const first = new Map<string, Story>()
for (let n = 0; n < Number(values.histories); n++) {
  const story = Generator.storyOf(Generator.kinds[n % Generator.kinds.length]!, Number(values.seed) + n)
  const reached = Coverage.begin()
  await simulate(story)
  for (const [cell, count] of reached.cells) {
    times.set(cell, (times.get(cell) ?? 0) + count)
    if (!first.has(cell)) first.set(cell, story)
  }
}

const before = JSON.parse(readFileSync(keptCells, "utf8")) as Readonly<Record<string, Story>>
const kept: Record<string, Story> = {}
for (const cell of Coverage.all) {
  const [count, story, old] = [times.get(cell) ?? 0, first.get(cell), before[cell]]
  if (old !== undefined && (await reaches(cell)(old))) kept[cell] = old
  else if (count < often && story !== undefined) kept[cell] = await shrink(story, reaches(cell))
  console.log(`${String(count).padStart(9)}  ${cell}${kept[cell] ? ", kept" : story ? "" : ", NOT REACHED"}`)
}
for (const [cell, count] of times)
  if (!Coverage.all.has(cell)) console.log(`${String(count).padStart(9)}  ${cell}, NOT IN THE TABLE`)
writeFileSync(keptCells, `${JSON.stringify(kept, undefined, 2)}\n`)

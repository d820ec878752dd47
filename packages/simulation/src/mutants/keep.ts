/**
 * Finds each mutant anew, and keeps its shrunk story: `node src/mutants/keep.ts [--only "name"]`. Run it after a mutant
 * was added, or when a kept story no longer finds its mutant.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { huntFor, keptStories } from "./Hunt.ts"
import { mutants } from "./Mutants.ts"

const { values } = parseArgs({ options: { only: { type: "string" }, seed: { type: "string", default: "1" } } })
const stories = JSON.parse(readFileSync(keptStories, "utf8")) as Record<string, unknown>

const write = (): void => {
  const kept = Object.fromEntries(mutants.flatMap(({ name }) => (name in stories ? [[name, stories[name]]] : [])))
  // Keys on one line, as Biome has them.
  const text = JSON.stringify(kept, undefined, 2).replaceAll(
    /\[\s+("[^[\]]*")\s+\]/g,
    (_, keys: string) => `[${keys.replaceAll(/\s+/g, " ")}]`
  )
  writeFileSync(keptStories, `${text}\n`)
}

for (const { name, rare } of mutants) {
  if (rare || (values.only !== undefined && values.only !== name)) continue
  const { histories, rule, story } = await huntFor(name, { seed: Number(values.seed), keep: true })
  console.log(
    `${name}: ${rule === undefined ? "NOT FOUND" : `${rule} after ${histories} histories, ${story!.events.length} events`}`
  )
  if (story !== undefined) stories[name] = story
  write()
}

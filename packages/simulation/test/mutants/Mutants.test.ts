import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { huntFor, keptStories } from "../../src/mutants/Hunt.ts"
import { mutants } from "../../src/mutants/Mutants.ts"
import { firstSeed } from "../Seed.ts"

const kept = JSON.parse(readFileSync(keptStories, "utf8")) as Readonly<Record<string, unknown>>

describe("mutants of core", () => {
  it("are at least 25", () => {
    expect(mutants.length).toBeGreaterThanOrEqual(25)
    const names = mutants.map(({ name }) => name)
    expect(Object.keys(kept).filter((name) => !names.includes(name))).toEqual([])
  })

  // Two processes at a time: each is busy all the time.
  const queue = mutants.map(({ name }) => name)
  const hunts = new Map<string, ReturnType<typeof huntFor>>()
  const next = (): void => {
    const name = queue.shift()
    if (name === undefined) return
    const rare = mutants.some((each) => each.name === name && each.rare)
    const hunt = huntFor(name, { seed: firstSeed, histories: rare ? 0 : 20_000 })
    hunts.set(name, hunt)
    hunt.then(next, next)
  }

  it.each(mutants)("$name: found in its kept story, and from fresh seeds", async ({ name, rare }) => {
    if (hunts.size === 0) {
      next()
      next()
    }
    while (!hunts.has(name)) await Promise.race([...hunts.values()].slice(-2))
    const { kept, rule } = await hunts.get(name)!
    expect(kept).not.toEqual([])
    if (!rare) expect(rule).toBeDefined()
  })
})

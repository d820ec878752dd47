import { readFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { type Hunted, huntFor, keptStories } from "../../src/mutants/Hunt.ts"
import { mutants } from "../../src/mutants/Mutants.ts"
import { firstSeed } from "../Seed.ts"

const kept = JSON.parse(readFileSync(keptStories, "utf8")) as Readonly<Record<string, unknown>>

/** The longest hunt takes some minutes, and many times as long on a busy machine. */
const anHour = 3_600_000

describe("mutants of core", () => {
  it("are at least 25", () => {
    expect(mutants.length).toBeGreaterThanOrEqual(25)
    const names = mutants.map(({ name }) => name)
    expect(Object.keys(kept).filter((name) => !names.includes(name))).toEqual([])
  })

  const hunts = new Map(mutants.map((mutant) => [mutant, Promise.withResolvers<Hunted>()] as const))
  const queue = mutants.values()
  const hunt = async (): Promise<void> => {
    for (const mutant of queue) {
      const { name, rare } = mutant
      const { reject, resolve } = hunts.get(mutant)!
      await huntFor(name, { seed: firstSeed, histories: rare ? 0 : 20_000 }).then(resolve, reject)
    }
  }

  // Two processes at a time: each is busy all the time.
  beforeAll(() => {
    for (const { promise } of hunts.values()) promise.catch(() => {})
    void hunt()
    void hunt()
  })

  it.each(mutants)("$name: found in its kept story, and from fresh seeds", { timeout: anHour }, async (mutant) => {
    const { kept, rule } = await hunts.get(mutant)!.promise
    expect(kept).not.toEqual([])
    if (!mutant.rare) expect(rule).toBeDefined()
  })
})

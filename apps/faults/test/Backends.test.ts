/** A short run over each backend: real processes and real faults, from a seed. A failure prints the seed and the story. */
import { Unavailable } from "@cache-locking/test-servers"
import { describe, expect, it } from "vitest"
import { names } from "../src/backends/Backends.ts"
import { run } from "../src/Run.ts"

describe.each(names)("%s", (backend) => {
  it("answers nothing old, loads once, and leaves nothing behind", async (context) => {
    const running = run({ backend, seed: 91, processes: 4, time: 1, length: 6_000 })
    const result = await running.catch((error: unknown) => {
      if (error instanceof Unavailable) return context.skip(error.message)
      throw error
    })
    expect(result.stories.join("\n\n")).toBe("")
    expect(result.operations).toBeGreaterThan(30)
    expect([...result.faults.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2)
  })
})

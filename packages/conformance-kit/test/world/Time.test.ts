import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { now, Time } from "../../src/world/Time.ts"
import { Inconclusive } from "../../src/world/Verdict.ts"

describe("Time", () => {
  it("steps by the backend's tick, never by less than 20 ms", () => {
    expect(new Time(1, 1).units(3)).toBe(60)
    expect(new Time(1000, 1).units(3)).toBe(3000)
    expect(new Time(1, 4).unit).toBe(80)
  })

  it("sleeps at least as long as given", async () => {
    const start = now()
    await Effect.runPromise(new Time(1, 1).sleep(30))
    expect(now() - start).toBeGreaterThanOrEqual(30)
  })

  it("takes an answer that came in time, and calls one that did not inconclusive", async () => {
    const time = new Time(10, 1)
    expect(await Effect.runPromise(time.inTime(now(), 10_000, Effect.succeed("yes")))).toBe("yes")
    await expect(Effect.runPromise(time.inTime(now() - 95, 100, Effect.succeed("late")))).rejects.toBeInstanceOf(
      Inconclusive
    )
  })
})

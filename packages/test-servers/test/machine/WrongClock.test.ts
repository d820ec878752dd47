import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { expect, it } from "vitest"
import { orUnavailable, Unavailable, WrongClock } from "../../src/index.ts"

const run = promisify(execFile)

/** The wall clock and the monotonic clock of a process of its own. */
const clocksOf = async (env: WrongClock["env"]) => {
  const { stdout } = await run(process.execPath, ["-p", "[Date.now(), process.hrtime.bigint()].join()"], {
    env: { ...process.env, ...env }
  })
  const [wall, monotonic] = stdout.trim().split(",").map(Number) as [number, number]
  return { wall, monotonic: monotonic / 1e6 }
}

it("moves the wall clock of a process and not its monotonic clock", async (context) => {
  const clock = await orUnavailable(WrongClock.make())
  if (clock instanceof Unavailable) return context.skip(clock.message)
  for (const offset of [-3_600_000, 7_200_000]) {
    clock.set(offset)
    const before = { wall: Date.now(), monotonic: Number(process.hrtime.bigint()) / 1e6 }
    const { monotonic, wall } = await clocksOf(clock.env)
    const passed = Number(process.hrtime.bigint()) / 1e6 - before.monotonic
    expect(wall - offset - before.wall).toBeGreaterThan(-100)
    expect(wall - offset - before.wall).toBeLessThan(passed + 100)
    expect(monotonic).toBeGreaterThan(before.monotonic)
    expect(monotonic).toBeLessThan(before.monotonic + passed)
  }
})

import { expect, it } from "vitest"
import { calibrate, spent } from "../../src/work/Batch.ts"

const work = async (n: number): Promise<void> => {
  const end = process.cpuUsage().user + n
  while (process.cpuUsage().user < end);
}

it("measures the time of the thread, however short the work is", async () => {
  for (let i = 0; i < 20; i++) {
    const { cpu, time } = await spent(() => work(100))
    expect(cpu).toBeGreaterThan(0)
    expect(time).toBeGreaterThan(0)
  }
})

it.each(["time", "cpu"] as const)("finds a batch by %s that is a multiple of the unit", async (by) => {
  const n = await calibrate({ run: work, unit: 50, quick: true, by })
  expect(n).toBeGreaterThan(0)
  expect(n % 50).toBe(0)
})

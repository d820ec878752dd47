import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { StoreClock } from "../src/StoreClock.ts"

const start = Date.UTC(2030, 0, 1)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: start })
})
afterEach(() => {
  vi.useRealTimers()
})

/** The time of a service whose clock is this far ahead, cut to the second. */
const told = (ahead: number, at = Date.now()): string => new Date(at + ahead).toUTCString()

describe("StoreClock", () => {
  it("is the host's clock until it is known to be wrong", () => {
    const clock = new StoreClock()
    expect(clock.now()).toBe(start)
    for (const ahead of [-900, -300, 0, 300, 900]) {
      clock.learn(told(ahead), start - 5, start)
      expect(clock.now(), `${ahead}`).toBe(start)
    }
  })

  it("goes by the service's where they are far apart, within two seconds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -10_000_000, max: 10_000_000 }).filter((ahead) => Math.abs(ahead) > 3_000),
        fc.array(fc.tuple(fc.nat(2_000), fc.nat(500)), { minLength: 1, maxLength: 20 }),
        (ahead, samples) => {
          const clock = new StoreClock()
          let at = start
          for (const [later, took] of samples) {
            at += later
            const sentAt = at
            at += took
            vi.setSystemTime(at)
            clock.learn(told(ahead, sentAt + took / 2), sentAt, at)
            expect(Math.abs(clock.now() - (at + ahead))).toBeLessThanOrEqual(2_000 + took)
          }
        }
      )
    )
  })

  it("stays where it is while it may be right: it does not waver", () => {
    const clock = new StoreClock()
    const seen = new Set<number>()
    for (let i = 0; i < 50; i++) {
      vi.setSystemTime(start + i * 137)
      clock.learn(told(60_000), Date.now(), Date.now())
      if (i > 20) seen.add(clock.now() - Date.now())
    }
    expect(seen.size).toBe(1)
  })

  it("comes back to the host's clock when that is set right", () => {
    const clock = new StoreClock()
    clock.learn(told(600_000), start, start)
    expect(clock.now()).toBeGreaterThan(start + 590_000)
    clock.learn(told(0), start, start)
    expect(clock.now()).toBe(start)
  })

  it("learns nothing from a reply without a date, with a bad one, or across a change of the clock", () => {
    const clock = new StoreClock()
    clock.learn(undefined, start, start)
    clock.learn("yesterday", start, start)
    clock.learn(told(600_000), start + 1, start)
    expect(clock.now()).toBe(start)
  })

  it("learns from failed replies as well, by the middleware", async () => {
    const clock = new StoreClock()
    const response = { headers: { date: told(600_000) } }
    expect(clock.asked).toBe(false)
    const result = await clock.middleware(async () => ({ response }))({})
    expect(clock.asked).toBe(true)
    expect(result).toEqual({ response })
    expect(clock.now()).toBeGreaterThan(start + 590_000)
    await expect(clock.middleware(async () => Promise.reject(new Error("cut")))({})).rejects.toThrow("cut")
    expect(await clock.middleware(async () => ({}))({})).toEqual({})
    // Of one whose replies have no date nothing can be learned, and it is not asked for ever.
    const dateless = new StoreClock()
    await dateless.middleware(async () => ({ response: {} }))({})
    expect(dateless.asked).toBe(true)
  })
})

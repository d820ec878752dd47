import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Hint, Hints, storeNow } from "../src/Hints.ts"

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "Date"] })
})
afterEach(() => {
  vi.useRealTimers()
})

const storeClock = 5_000_000
const seen = (more: Partial<Hint> = {}): Hint => ({
  name: "n",
  route: "",
  sentAt: performance.now(),
  wallAt: Date.now(),
  storeAt: storeClock,
  freshUntil: storeClock + 60_000,
  ...more
})

describe("the store's clock", () => {
  it("is never reported too early, and hardly too late", () => {
    const hint = seen()
    vi.advanceTimersByTime(2_000)
    // Told 0.999 ms ago by its own count, by a clock that runs a thousandth faster.
    const true_ = storeClock + 0.999 + 2_000 * 1.001
    expect(storeNow(hint, performance.now())).toBeGreaterThanOrEqual(true_)
    expect(storeNow(hint, performance.now())).toBeLessThan(true_ + 1)
  })
})

describe("a key recently seen fresh", () => {
  it("is found while it should have more freshness than required", () => {
    const hints = new Hints()
    hints.note("k", seen({ freshUntil: storeClock + 1_000 }))
    expect(hints.find("k", 0)?.name).toBe("n")
    expect(hints.find("k", 900)?.name).toBe("n")
    expect(hints.find("k", 1_000)).toBeUndefined()
    vi.advanceTimersByTime(999)
    expect(hints.find("k", 0)).toBeUndefined()
  })

  it("is forgotten after a few seconds", () => {
    const hints = new Hints()
    hints.note("k", seen())
    vi.advanceTimersByTime(4_900)
    expect(hints.find("k", 0)).toBeDefined()
    vi.advanceTimersByTime(200)
    expect(hints.find("k", 0)).toBeUndefined()
  })

  it("is not trusted over a sleep of the machine, which the monotonic clock does not count", () => {
    const hints = new Hints()
    hints.note("k", seen())
    vi.setSystemTime(Date.now() + 6_000)
    expect(hints.find("k", 0)).toBeUndefined()
  })

  it("is not remembered from a slow answer", () => {
    const hints = new Hints()
    const hint = seen()
    vi.advanceTimersByTime(150)
    hints.note("k", hint)
    expect(hints.find("k", 0)).toBeUndefined()
  })

  it("can be forgotten", () => {
    const hints = new Hints()
    hints.note("k", seen())
    hints.forget("k")
    expect(hints.find("k", 0)).toBeUndefined()
  })

  it("takes a bounded amount of memory", () => {
    const hints = new Hints()
    for (let i = 0; i < 20_000; i++) hints.note(`k${i}`, seen())
    const found = Array.from({ length: 20_000 }, (_, i) => hints.find(`k${i}`, 0)).filter(Boolean)
    expect(found.length).toBeLessThanOrEqual(8_192)
    expect(found.length).toBeGreaterThanOrEqual(4_096)
    expect(hints.find("k19999", 0)).toBeDefined()
  })
})

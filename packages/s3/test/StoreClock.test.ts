import { describe, expect, it, vi } from "vitest"
import { StoreClock } from "../src/StoreClock.ts"

const header = (epoch: number) => new Date(epoch).toUTCString()

/** Answers of a store whose clock is `difference` ahead of ours, each way taking its time. */
const asked = (clock: StoreClock, difference: number, sent: number, there: number, back: number) => {
  clock.learn(header(sent + there + difference), sent, sent + there + back)
  return sent + there + back
}

const at = <A>(now: number, f: () => A): A => {
  const spy = vi.spyOn(performance, "now").mockReturnValue(now)
  try {
    return f()
  } finally {
    spy.mockRestore()
  }
}

const epoch = Date.parse("2026-01-01T00:00:00Z")

describe("the store's clock", () => {
  it("is known to half a second after one answer, and never further off than the last one allows", () => {
    for (let phase = 0; phase < 1_000; phase += 37) {
      const clock = new StoreClock()
      expect(clock.isSet).toBe(false)
      const now = asked(clock, epoch + phase, 5_000, 10, 10)
      expect(clock.isSet).toBe(true)
      expect(Math.abs(at(now, clock.now) - (now + epoch + phase))).toBeLessThanOrEqual(511)
    }
  })

  it("is known to about a round trip after answers from around full seconds", () => {
    for (const phase of [0, 250, 999]) {
      const clock = new StoreClock()
      let now = 0
      for (let sent = 0; sent < 60_000; sent += 313) now = asked(clock, epoch + phase, sent, 5, 5)
      expect(Math.abs(at(now, clock.now) - (now + epoch + phase))).toBeLessThanOrEqual(25)
    }
  })

  it("follows a store whose clock is set", () => {
    const clock = new StoreClock()
    asked(clock, epoch, 0, 5, 5)
    for (const jump of [3_600_000, -3_600_000]) {
      const now = asked(clock, epoch + jump, 10_000, 5, 5)
      expect(Math.abs(at(now, clock.now) - (now + epoch + jump))).toBeLessThanOrEqual(1_010)
    }
  })

  it("learns little from an answer that was long under way, and nothing from none", () => {
    const clock = new StoreClock()
    for (let sent = 0; sent < 60_000; sent += 313) asked(clock, epoch, sent, 5, 5)
    const before = at(70_000, clock.now)
    clock.learn(header(epoch + 61_000), 60_000, 64_000)
    clock.learn(undefined, 64_000, 64_000)
    clock.learn("yesterday", 64_000, 64_000)
    expect(at(70_000, clock.now)).toBe(before)
  })

  it("goes by no clock of this process that can be set", () => {
    const clock = new StoreClock()
    const now = asked(clock, epoch, 0, 5, 5)
    const real = Date.now
    Date.now = () => real() + 600_000
    try {
      expect(Math.abs(at(now, clock.now) - (now + epoch))).toBeLessThanOrEqual(511)
    } finally {
      Date.now = real
    }
  })
})

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Deadlines } from "../../src/contract/Deadlines.ts"

describe("Deadlines", () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const calls = (deadlines: Deadlines) => {
    const late: Array<string> = []
    const add = (name: string, after: number) => {
      const call = { deadline: performance.now() + after, expire: () => late.push(name) }
      deadlines.add(call)
      return call
    }
    return { late, add }
  }

  it("tells each call once that is not answered in time, in their order, by one timer", () => {
    const deadlines = new Deadlines()
    const { add, late } = calls(deadlines)
    add("a", 100)
    add("b", 100)
    vi.advanceTimersByTime(50)
    add("c", 100)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(52)
    expect(late).toEqual(["a", "b"])
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(52)
    expect(late).toEqual(["a", "b", "c"])
    vi.advanceTimersByTime(1_000)
    expect(late).toEqual(["a", "b", "c"])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("an answered call is not told, and leaves no timer beyond its time", () => {
    const deadlines = new Deadlines()
    const { add, late } = calls(deadlines)
    deadlines.remove(add("a", 100))
    vi.advanceTimersByTime(200)
    expect(late).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("an answer that arrived while the process was busy is in time", () => {
    const deadlines = new Deadlines()
    const { add, late } = calls(deadlines)
    const call = add("a", 100)
    // The timer is due, and what is read before anything else is the answer.
    setTimeout(() => deadlines.remove(call), 100)
    vi.advanceTimersByTime(200)
    expect(late).toEqual([])
  })
})

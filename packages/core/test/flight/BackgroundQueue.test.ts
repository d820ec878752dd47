import { describe, expect, it } from "vitest"
import { BackgroundQueue } from "../../src/flight/BackgroundQueue.ts"

describe("Backlog", () => {
  it("lets so many in, and calls the next when one leaves, in order", () => {
    const backlog = new BackgroundQueue(2)
    const begun: Array<string> = []
    const enter = (key: string) => backlog.acquireSlot(key, () => begun.push(key))
    expect([enter("a"), enter("b"), enter("c"), enter("d")]).toEqual([true, true, false, false])
    expect(backlog.size).toBe(2)
    backlog.releaseSlot()
    backlog.releaseSlot()
    expect(begun).toEqual(["c", "d"])
    // Those who were called have their places: nobody else gets in.
    expect(enter("e")).toBe(false)
    backlog.releaseSlot()
    expect(begun).toEqual(["c", "d", "e"])
    backlog.releaseSlot()
    backlog.releaseSlot()
    expect([enter("f"), enter("g"), enter("h")]).toEqual([true, true, false])
  })

  it("keeps a key once, however often it is asked for", () => {
    const backlog = new BackgroundQueue(1)
    let calls = 0
    const later = () => calls++
    backlog.acquireSlot("a", later)
    for (let i = 0; i < 5_000; i++) backlog.acquireSlot("same", later)
    expect(backlog.size).toBe(1)
    backlog.releaseSlot()
    expect(calls).toBe(1)
    expect(backlog.acquireSlot("b", later)).toBe(false)
  })
})

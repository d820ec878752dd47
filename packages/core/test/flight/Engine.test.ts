import { describe, expect, it } from "vitest"
import { BackgroundQueue } from "../../src/flight/Engine.ts"

describe("the slots of background loads", () => {
  it("gives as many slots as there are, and calls the next when one is free, in order", () => {
    const queue = new BackgroundQueue(2)
    const begun: Array<string> = []
    const enter = (key: string) => queue.acquireSlot(key, () => begun.push(key))
    expect([enter("a"), enter("b"), enter("c"), enter("d")]).toEqual([true, true, false, false])
    expect(queue.size).toBe(2)
    queue.releaseSlot()
    queue.releaseSlot()
    expect(begun).toEqual(["c", "d"])
    // The loads that were called hold the slots: no other gets one.
    expect(enter("e")).toBe(false)
    queue.releaseSlot()
    expect(begun).toEqual(["c", "d", "e"])
    queue.releaseSlot()
    queue.releaseSlot()
    expect([enter("f"), enter("g"), enter("h")]).toEqual([true, true, false])
  })

  it("keeps a key once, however often it is queued", () => {
    const queue = new BackgroundQueue(1)
    let calls = 0
    const later = () => calls++
    queue.acquireSlot("a", later)
    for (let i = 0; i < 5_000; i++) queue.acquireSlot("same", later)
    expect(queue.size).toBe(1)
    queue.releaseSlot()
    expect(calls).toBe(1)
    expect(queue.acquireSlot("b", later)).toBe(false)
  })
})

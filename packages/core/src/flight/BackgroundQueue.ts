/**
 * The loads of one cache for which nobody waits: so many at a time, the rest in a queue that holds a key and a
 * function each, and no fiber.
 */

/** A queue of background loads. */
export class BackgroundQueue {
  private running = 0
  private readonly queue = new Map<unknown, () => void>()
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  /** Takes a place, or has `later` called, with a place taken, when one is free. A key, or a batch of them, stands in the queue once. */
  acquireSlot(key: unknown, later: () => void): boolean {
    if (this.running < this.limit) {
      this.running++
      return true
    }
    if (!this.queue.has(key)) this.queue.set(key, later)
    return false
  }

  /** Gives a place back, to the next in the queue if there is one. */
  releaseSlot(): void {
    const [next] = this.queue
    if (next === undefined) {
      this.running--
      return
    }
    const [key, begin] = next
    this.queue.delete(key)
    begin()
  }

  /** How many wait. */
  get size(): number {
    return this.queue.size
  }
}

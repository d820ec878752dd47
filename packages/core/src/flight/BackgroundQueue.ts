/**
 * The slots of background loads. A load that finds none waits in a queue, which holds a key and a function for it, and no
 * fiber.
 */
export class BackgroundQueue {
  private running = 0
  private readonly queue = new Map<unknown, () => void>()
  private readonly slots: number

  constructor(slots: number) {
    this.slots = slots
  }

  /** Takes a slot; or queues `later`, to be called with a slot taken. A key, or a batch of keys, is queued once. */
  acquireSlot(key: unknown, later: () => void): boolean {
    if (this.running < this.slots) {
      this.running++
      return true
    }
    if (!this.queue.has(key)) this.queue.set(key, later)
    return false
  }

  /** Gives a slot back, or on to the next in the queue. */
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

  /** The number of loads that wait. */
  get size(): number {
    return this.queue.size
  }
}

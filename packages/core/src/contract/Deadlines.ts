/**
 * The bounds of calls that leave the process: one timer, however many calls there are.
 */

/** A call that has no answer yet. */
export interface Pending {
  /** By `performance.now()`. */
  readonly deadline: number
  /** Called once when it is over, and no answer has come. */
  readonly expire: () => void
}

interface Timer {
  readonly unref?: () => unknown
}

/** After what has arrived is read, where the platform knows such a moment. */
const afterReading = (f: () => void): unknown =>
  typeof setImmediate === "function" ? setImmediate(f) : setTimeout(f, 0)

/**
 * One timer for calls that have the same time each, so that the first to begin is the first to be late; a timer per call
 * would be a good part of what a hit costs. Not for Workers, where a timer ends with the request that made it.
 */
export class Deadlines {
  private readonly pending = new Set<Pending>()
  private timer: Timer | undefined

  add(call: Pending): void {
    this.pending.add(call)
    this.timer ??= this.arm(call)
  }

  remove(call: Pending): void {
    this.pending.delete(call)
  }

  private arm(first: Pending): Timer {
    const timer: unknown = setTimeout(this.look, Math.max(1, first.deadline - performance.now()))
    // A pending call has a connection that keeps the process alive. Its bound need not.
    ;(timer as Timer).unref?.()
    return timer as Timer
  }

  /** A process that was busy for so long has answers that it has not read yet. They come first. */
  private readonly look = (): void => {
    afterReading(this.sweep)
  }

  private readonly sweep = (): void => {
    this.timer = undefined
    const now = performance.now()
    const late: Array<Pending> = []
    for (const call of this.pending) {
      if (call.deadline > now) {
        this.timer = this.arm(call)
        break
      }
      this.pending.delete(call)
      late.push(call)
    }
    for (const call of late) call.expire()
  }
}

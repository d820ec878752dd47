/**
 * The time of a simulation: a queue of events, each of which runs to quiescence before the next.
 */

/** An event that has not run. */
export interface Timer {
  cancel(): void
}

/** The time that stores and messages go by. */
export interface Time {
  /** Milliseconds. */
  readonly now: number
  after(millis: number, run: () => void): Timer
}

interface Due {
  readonly at: number
  readonly order: number
  /** True for an event that only observes, after which nothing has to settle. */
  readonly looks: boolean
  run: (() => void) | undefined
}

/** Rounds of the event loop after each event. A fiber that yields more often goes on in the next event's rounds. */
const roundsPerEvent = 3

export class VirtualTime implements Time {
  /** Milliseconds since the simulation began. */
  now = 0
  private order = 0
  /** A binary heap: the earliest first, and events of one instant in the order in which they were scheduled. */
  private readonly heap: Array<Due> = []

  after(millis: number, run: () => void, looks = false): Timer {
    const due: Due = { at: this.now + Math.max(0, millis), order: this.order++, looks, run }
    this.heap.push(due)
    this.rise(this.heap.length - 1)
    return {
      cancel: () => {
        due.run = undefined
      }
    }
  }

  /** Runs all events until an instant. */
  async runUntil(end: number): Promise<void> {
    await settle()
    while (this.heap.length > 0 && this.heap[0]!.at <= end) {
      const due = this.take()
      if (due.run === undefined) continue
      this.now = due.at
      due.run()
      if (!due.looks) await settle()
    }
    this.now = end
  }

  /** The number of events that have not run and were not cancelled. */
  get pending(): number {
    return this.heap.reduce((sum, { run }) => sum + (run === undefined ? 0 : 1), 0)
  }

  private before(one: number, other: number): boolean {
    const a = this.heap[one]!
    const b = this.heap[other]!
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  private swap(one: number, other: number): void {
    const due = this.heap[one]!
    this.heap[one] = this.heap[other]!
    this.heap[other] = due
  }

  private rise(index: number): void {
    for (let at = index; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.before(at, parent)) return
      this.swap(at, parent)
      at = parent
    }
  }

  private take(): Due {
    const first = this.heap[0]!
    const last = this.heap.pop()!
    if (this.heap.length === 0) return first
    this.heap[0] = last
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.heap.length && this.before(child, least)) least = child
      if (least === at) return first
      this.swap(at, least)
      at = least
    }
  }
}

/** Lets fibers and promises do all work that needs no time. */
const settle = async (): Promise<void> => {
  for (let round = 0; round < roundsPerEvent; round++) await new Promise((resolve) => setImmediate(resolve))
}

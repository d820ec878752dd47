/** The timer of `ttlAutopurge`: it purges when the first entry expires. */
export class PurgeTimer {
  /** The time at which it goes off; `Infinity` while it is not set. */
  private at = Infinity
  private timer: NodeJS.Timeout | undefined
  /** Milliseconds that the last purge took. */
  private took = 0
  /** Removes the expired entries, and returns the instant at which the next one expires. */
  private readonly purge: () => number

  constructor(purge: () => number) {
    this.purge = purge
  }

  /** Sets the timer for an entry, unless it goes off before that. */
  setFor(at: number): void {
    if (this.covers(at)) return
    clearTimeout(this.timer)
    this.at = at
    // Purging takes a twentieth of the primary's time at most, however many entries expire.
    const pause = Math.max(1, Math.ceil(at - performance.now()), this.took * 20)
    this.timer = setTimeout(this.fire, Math.min(pause, 2 ** 31 - 1)).unref()
  }

  private readonly fire = (): void => {
    this.at = Infinity
    const began = performance.now()
    const next = this.purge()
    this.took = performance.now() - began
    this.setFor(next)
  }

  /** True when it goes off for an entry that expires at this time. */
  covers(at: number): boolean {
    return this.at <= at
  }

  clear(): void {
    clearTimeout(this.timer)
  }
}

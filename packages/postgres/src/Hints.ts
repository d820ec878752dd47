/**
 * Keys that recently needed no lease, and the time for which that will probably last. Such a key is first tried
 * with a statement that only reads, which costs the server half of one that can also grant. The statement judges
 * by the server's clock, so a hint decides nothing: a wrong one costs a statement.
 */

/** The most keys remembered. Beyond it all are forgotten; keys in use soon return. */
const most = 10_000

export class Hints {
  /** The end of each hint by key, by `performance.now()`. */
  private readonly until = new Map<string, number>()

  /** Records that a key has an answer without a lease for this many milliseconds. */
  note(key: string, lasts: number): void {
    if (this.until.size >= most && !this.until.has(key)) this.until.clear()
    this.until.set(key, performance.now() + lasts)
  }

  forget(key: string): void {
    this.until.delete(key)
  }

  /** True when a read is worth trying for a key that should have more than `margin` milliseconds of freshness. */
  has(key: string, margin: number): boolean {
    const until = this.until.get(key)
    return until !== undefined && performance.now() + margin < until
  }
}

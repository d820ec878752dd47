/**
 * Which keys lately needed no lease, and how long that will probably last: for those a statement that only reads is tried
 * first, which costs the server half of the one that can also grant. It judges by the server's clock, so a
 * sighting decides nothing: one that is wrong costs a statement.
 */

/** How many keys are remembered. Beyond that all are forgotten: they are soon seen again. */
const most = 10_000

export class Sightings {
  /** By key: until when, by `performance.now()`. */
  private readonly until = new Map<string, number>()

  /** The key has an answer without a lease for so many milliseconds. */
  note(key: string, lasts: number): void {
    if (this.until.size >= most && !this.until.has(key)) this.until.clear()
    this.until.set(key, performance.now() + lasts)
  }

  forget(key: string): void {
    this.until.delete(key)
  }

  /** Whether it is worth trying, with that many milliseconds of freshness wanted. */
  has(key: string, margin: number): boolean {
    const until = this.until.get(key)
    return until !== undefined && performance.now() + margin < until
  }
}

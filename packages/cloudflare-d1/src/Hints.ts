/**
 * Keys that this isolate recently saw fresh.
 *
 * Such a key is acquired by a statement that only reads, any other by a transaction that may take the lease as well. A
 * hint is only a guess: the row decides if it is fresh, by the database's clock. A wrong guess costs one request.
 */

const capacity = 4_096

/** The hints about one table, in two generations, so that removing old hints costs nothing. */
export class Hints {
  private young = new Map<string, number>()
  private old = new Map<string, number>()

  /** True when the key should still have more than `margin` milliseconds of freshness. */
  has(key: string, margin: number): boolean {
    const until = this.young.get(key) ?? this.old.get(key)
    return until !== undefined && until - performance.now() > margin
  }

  note(key: string, freshFor: number): void {
    if (this.young.size >= capacity && !this.young.has(key)) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(key, performance.now() + freshFor)
  }

  forget(key: string): void {
    this.young.delete(key)
    this.old.delete(key)
  }
}

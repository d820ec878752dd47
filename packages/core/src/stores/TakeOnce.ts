/** What was lately noted, each to be taken once; beyond `most` the oldest is forgotten. */
export class TakeOnce<Key, Value> {
  private readonly noted = new Map<Key, Value>()
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  note(key: Key, value: Value): void {
    this.noted.set(key, value)
    if (this.noted.size <= this.most) return
    for (const oldest of this.noted.keys()) {
      this.noted.delete(oldest)
      return
    }
  }

  get(key: Key): Value | undefined {
    return this.noted.get(key)
  }

  /** Tells and forgets it. */
  take(key: Key): Value | undefined {
    const value = this.noted.get(key)
    this.noted.delete(key)
    return value
  }
}

/** Who is told of a namespace's changes: of one key once, or of all keys. */
export class Watchers {
  private readonly ofKeys = new Map<string, Set<() => void>>()
  private readonly ofAll = new Set<(key: string) => void>()

  /** Told of the next change of a key. What it gives ends that. */
  watch(key: string, woken: () => void): () => void {
    const watchers = this.ofKeys.get(key)
    if (watchers === undefined) this.ofKeys.set(key, new Set([woken]))
    else watchers.add(woken)
    return () => {
      const watchers = this.ofKeys.get(key)
      if (watchers?.delete(woken) && watchers.size === 0) this.ofKeys.delete(key)
    }
  }

  /** Told of every change. What it gives ends that. */
  listen(changed: (key: string) => void): () => void {
    const listener = (key: string) => changed(key)
    this.ofAll.add(listener)
    return () => this.ofAll.delete(listener)
  }

  wake(key: string): void {
    for (const listener of this.ofAll) listener(key)
    const watchers = this.ofKeys.get(key)
    if (watchers === undefined) return
    this.ofKeys.delete(key)
    for (const woken of watchers) woken()
  }
}

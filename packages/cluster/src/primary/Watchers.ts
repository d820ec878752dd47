/** The subscribers to a namespace's changes: to the next change of one key, or to all changes. */
export class Watchers {
  private readonly ofKeys = new Map<string, Set<() => void>>()
  private readonly ofAll = new Set<(key: string) => void>()

  /** Subscribes to the next change of a key. Returns the function that unsubscribes. */
  watch(key: string, changed: () => void): () => void {
    const watchers = this.ofKeys.get(key)
    if (watchers === undefined) this.ofKeys.set(key, new Set([changed]))
    else watchers.add(changed)
    return () => {
      const watchers = this.ofKeys.get(key)
      if (watchers?.delete(changed) && watchers.size === 0) this.ofKeys.delete(key)
    }
  }

  /** Subscribes to every change. Returns the function that unsubscribes. */
  listen(changed: (key: string) => void): () => void {
    const listener = (key: string) => changed(key)
    this.ofAll.add(listener)
    return () => this.ofAll.delete(listener)
  }

  notify(key: string): void {
    for (const listener of this.ofAll) listener(key)
    const watchers = this.ofKeys.get(key)
    if (watchers === undefined) return
    this.ofKeys.delete(key)
    for (const changed of watchers) changed()
  }
}

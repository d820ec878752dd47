/** Is told of all changes. */
export interface Listener {
  readonly changed: (key: string) => void
  /** Called once, when there is nothing more to be told. */
  readonly lost: () => void
}

/** The subscribers to a namespace's changes: to the next change of one key, or to all changes. */
export class Watchers {
  private readonly ofKeys = new Map<string, Set<() => void>>()
  private readonly ofAll = new Set<Listener>()

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
  listen({ changed, lost }: Listener): () => void {
    const listener = { changed, lost }
    this.ofAll.add(listener)
    return () => this.ofAll.delete(listener)
  }

  /** Ends all subscriptions: wakes those who wait for a key, and tells the others that they are lost. */
  end(): void {
    const listeners = [...this.ofAll]
    this.ofAll.clear()
    for (const key of [...this.ofKeys.keys()]) this.notify(key)
    for (const { lost } of listeners) lost()
  }

  notify(key: string): void {
    for (const { changed } of this.ofAll) changed(key)
    const watchers = this.ofKeys.get(key)
    if (watchers === undefined) return
    this.ofKeys.delete(key)
    for (const changed of watchers) changed()
  }
}

/**
 * Keys by their hashes, which messages contain: the keys that this process recently used while the adapter had a
 * listener.
 */
import { hash } from "node:crypto"

/** The most hashes remembered. Beyond it all are forgotten, and feeds look keys up. */
const most = 10_000

/** The hash by which messages name a key. */
export const hashOf = (key: string): string => hash("sha256", key)

export class Hashes {
  private readonly keys = new Map<string, string>()

  note(key: string): void {
    if (this.keys.size >= most) this.keys.clear()
    this.keys.set(hashOf(key), key)
  }

  find(id: string): string | undefined {
    return this.keys.get(id)
  }

  clear(): void {
    this.keys.clear()
  }
}

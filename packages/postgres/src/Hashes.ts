/**
 * Keys by their hashes, as they are told: those that were lately used here, as long as somebody listens.
 */
import { hash } from "node:crypto"

/** How many are remembered. Beyond that all are forgotten: whoever is told looks them up. */
const most = 10_000

/** What a change of the key is told by. */
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

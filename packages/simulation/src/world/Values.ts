/**
 * The store of values, where another store keeps the leases: bytes under names, for a time.
 */
import type { Endpoint } from "./Connection.ts"
import type { Time } from "./VirtualTime.ts"

interface Kept {
  readonly bytes: Uint8Array
  readonly by: number
  readonly from: number
  readonly until: number
}

export class Values implements Endpoint {
  private readonly kept = new Map<string, Kept>()
  private readonly time: Time
  private readonly lag: number
  refusing = false
  /** Hears of each value that begins to be kept. */
  onKept: (bytes: Uint8Array) => void = () => {}

  /** @param lag milliseconds until a value is shown to the processes that did not write it */
  constructor(time: Time, lag: number) {
    this.time = time
    this.lag = lag
  }

  get(name: string, by: number): Uint8Array | undefined {
    const { now } = this.time
    const kept = this.kept.get(name)
    if (kept === undefined || now >= kept.until) return undefined
    return kept.by === by || now >= kept.from + this.lag ? kept.bytes : undefined
  }

  set(name: string, bytes: Uint8Array, ttl: number, by: number): void {
    const { now } = this.time
    this.onKept(bytes)
    this.kept.set(name, { bytes: Uint8Array.from(bytes), by, from: now, until: now + ttl })
  }

  delete(name: string): void {
    this.kept.delete(name)
  }

  forgetAll(): void {
    this.kept.clear()
  }
}

/**
 * Decides whether an answer of the far tier may be kept as a copy, and when all copies must be dropped.
 *
 * An answer may be kept only if its key did not change between the request and the answer. So changes are numbered, and
 * each request records the number of changes before it was sent. While changes may be missed the log is suspended: no
 * copy is returned and none is kept.
 *
 * Instants are milliseconds of the monotonic time.
 */
import type { LocalClock } from "../../contract/Adapter.ts"
import * as Monotonic from "../../contract/Monotonic.ts"

/** The copies whose validity the log decides. */
export interface Copies {
  /** Drops the copy of a key. */
  readonly drop: (key: string) => void
  readonly dropAll: () => void
}

/** A request to the far tier that is under way. */
export interface FarRequest {
  readonly sentAt: number
  /** The number of changes before it was sent. */
  readonly changesBefore: number
}

/** Changes that are remembered for the requests under way. When there are more, none of those requests is kept. */
const maxRecent = 10_000

export class ChangeLog {
  /** True while changes may be missed. */
  suspended: boolean
  /** The log is suspended at this instant unless a heartbeat moves it. */
  validUntil = Infinity
  /** Requests that were sent before this many changes are not kept. It grows whenever all copies are dropped. */
  floor = 0
  private readonly copies: Copies
  private changes = 0
  private readonly recent = new Map<string, number>()
  private underWay = 0

  /** @param watched true when changes are reported; the log is then suspended until `resume` */
  constructor(copies: Copies, watched: boolean) {
    this.copies = copies
    this.suspended = watched
  }

  /** Records that the far tier is about to be asked. `end` must follow. */
  begin(clock: LocalClock): FarRequest {
    const sentAt = Monotonic.now(clock)
    this.underWay++
    return { sentAt, changesBefore: this.changes }
  }

  end(): void {
    if (--this.underWay === 0) this.recent.clear()
  }

  /** True when the key did not change since the request was sent, and no change can have been missed. */
  isCurrent({ changesBefore }: FarRequest, key: string): boolean {
    return !this.suspended && this.floor <= changesBefore && (this.recent.get(key) ?? 0) <= changesBefore
  }

  /**
   * Called when the value of a key changed, or may have. Drops its copy, and keeps no answer to a request under way.
   */
  changed(key: string): void {
    this.changes++
    this.copies.drop(key)
    if (this.underWay === 0) return
    if (this.recent.size >= maxRecent) {
      this.floor = this.changes
      this.recent.clear()
    }
    this.recent.set(key, this.changes)
  }

  /** Drops every copy, and keeps no answer to a request under way. */
  dropAll(): void {
    this.floor = ++this.changes
    this.recent.clear()
    this.copies.dropAll()
  }

  /** Called when changes are reported again, and none is missed before the given instant. */
  resume(validUntil: number): void {
    this.suspended = false
    this.validUntil = validUntil
  }

  /** Called when changes may be missed from now on. */
  suspend(): void {
    this.suspended = true
    this.dropAll()
  }

  /** True when changes may have been missed by now. */
  isOverdue(clock: LocalClock): boolean {
    return this.suspended || Monotonic.now(clock) >= this.validUntil
  }
}

/** The calls of a link that wait for their results, each until its deadline. */
import type { ClusterError } from "./ClusterError.ts"

/** Called when a call ends. */
export interface CallHandlers {
  readonly succeeded: (result: any) => void
  readonly failed: (error: ClusterError) => void
  /** Called instead when the result comes after the call was cancelled or timed out. */
  readonly late?: ((result: any) => void) | undefined
}

interface Pending extends CallHandlers {
  readonly deadline: number
  readonly timeout: number
}

export class PendingCalls {
  private readonly pending = new Map<number, Pending>()
  /** The handlers of late results. */
  private readonly late = new Map<number, (result: any) => void>()
  private readonly timedOut: (timeout: number) => ClusterError
  /** One timer for all calls: the earliest deadline. */
  private timer: NodeJS.Timeout | undefined
  private timerAt = Infinity

  constructor(timedOut: (timeout: number) => ClusterError) {
    this.timedOut = timedOut
  }

  get size(): number {
    return this.pending.size
  }

  add(id: number, { failed, late, succeeded }: CallHandlers, timeout: number): void {
    const deadline = performance.now() + timeout
    this.pending.set(id, { succeeded, failed, late, deadline, timeout })
    this.setTimer(deadline)
  }

  succeed(id: number, result: unknown): void {
    const succeeded = this.pending.get(id)?.succeeded ?? this.late.get(id)
    this.pending.delete(id)
    this.late.delete(id)
    succeeded?.(result)
  }

  fail(id: number, error: ClusterError): void {
    const pending = this.pending.get(id)
    this.pending.delete(id)
    this.late.delete(id)
    pending?.failed(error)
  }

  failAll(error: ClusterError): void {
    const pending = [...this.pending.values()]
    this.pending.clear()
    this.dropLate()
    for (const { failed } of pending) failed(error)
  }

  /** Drops a call. Only its handler of a late result may still be called. */
  cancel(id: number): void {
    const pending = this.pending.get(id)
    if (pending === undefined) return
    this.pending.delete(id)
    if (pending.late !== undefined) this.late.set(id, pending.late)
  }

  /** False for a call that was cancelled before it was sent. It is then never sent, so it has no late result either. */
  isWanted(id: number): boolean {
    if (this.pending.has(id)) return true
    this.late.delete(id)
    return false
  }

  /** Drops the handlers of late results, because none will come. */
  dropLate(): void {
    this.late.clear()
  }

  /** Leaves no timer behind, unless a call still waits. */
  close(): void {
    if (this.pending.size > 0) return
    clearTimeout(this.timer)
    this.timerAt = Infinity
  }

  private setTimer(deadline: number): void {
    if (deadline >= this.timerAt) return
    clearTimeout(this.timer)
    this.timerAt = deadline
    this.timer = setTimeout(this.expire, Math.max(1, deadline - performance.now())).unref()
  }

  private readonly expire = (): void => {
    this.timerAt = Infinity
    const now = performance.now()
    let next = Infinity
    const expired: Array<Pending> = []
    for (const [id, pending] of this.pending) {
      if (pending.deadline > now) next = Math.min(next, pending.deadline)
      else {
        this.cancel(id)
        expired.push(pending)
      }
    }
    for (const { failed, timeout } of expired) failed(this.timedOut(timeout))
    this.setTimer(next)
  }
}

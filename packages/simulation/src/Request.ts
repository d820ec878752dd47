/**
 * A request of an isolate, as on Cloudflare Workers. Work belongs to the request that began it: when the request is over,
 * none of its timers fires and none of its messages is received.
 */
export class Request {
  /** True when it was cut off before its end. */
  isCut = false
  /** The calls that are not answered. */
  private calls: number
  /** The work that it is kept alive for. */
  private kept = 0

  constructor(calls: number) {
    this.calls = calls
  }

  /** True when nothing that began in it goes on. */
  get over(): boolean {
    return this.isCut || (this.calls <= 0 && this.kept === 0)
  }

  answered(): void {
    this.calls--
  }

  readonly waitUntil = (work: Promise<unknown>): void => {
    this.kept++
    const done = (): void => {
      this.kept--
    }
    work.then(done, done)
  }
}

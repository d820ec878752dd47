/**
 * What time it is, by a clock that hosts need not agree on.
 *
 * DynamoDB's expressions have no clock, so instants are told by its clients. Every reply of the service says what time
 * it is there, in whole seconds. A client whose own clock is off by more than that can tell goes by the service's time
 * from then on; so hosts whose clocks differ by minutes judge leases and values alike, within two seconds.
 */

/** A `Date` is cut to its second, and a server may lag in telling the next one. */
const slack = 1000

interface Response {
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined
}

/** The part of the SDK's middleware that is used. */
type Next = (args: unknown) => Promise<{ readonly response?: unknown }>

export class StoreClock {
  /** Whether there was a reply yet, whatever could be learned from it. */
  asked = false
  /** Milliseconds that the service is thought to be ahead of this host. */
  private ahead = 0

  /** Epoch milliseconds. */
  readonly now = (): number => Date.now() + this.ahead

  /** What was learned from a reply whose request was sent and which came at these times of this host. */
  learn(date: string | undefined, sentAt: number, cameAt: number): void {
    const told = date === undefined ? Number.NaN : Date.parse(date)
    // A host whose clock was set meanwhile learns nothing.
    if (Number.isNaN(told) || cameAt < sentAt) return
    const least = told - slack - cameAt
    const most = told + 1000 + slack - sentAt
    if (least <= 0 && most >= 0) this.ahead = 0
    else this.ahead = Math.min(Math.max(this.ahead, least), most)
  }

  /** Goes with every command. */
  readonly middleware =
    (next: Next): Next =>
    async (args) => {
      const sentAt = Date.now()
      const result = await next(args)
      this.asked = true
      this.learn((result.response as Response | undefined)?.headers?.["date"], sentAt, Date.now())
      return result
    }
}

/**
 * The service's time, estimated, so that the clocks of hosts need not agree.
 *
 * DynamoDB's expressions have no clock, so instants come from its clients. Every reply of the service contains its
 * time, in whole seconds. If a reply shows that the client's own clock is off, the client follows the service's time
 * from then on. So hosts whose clocks differ by minutes judge leases and values alike, within two seconds.
 */

/** A `Date` is cut to its second, and a server may be late with the next one. */
const slack = 1000

interface Response {
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined
}

/** The part of the SDK's middleware that is used. */
type Next = (args: unknown) => Promise<{ readonly response?: unknown }>

export class StoreClock {
  /** True once there was a reply, even one without a time. */
  asked = false
  /** The estimate of how many milliseconds the service is ahead of this host. */
  private ahead = 0

  /** Epoch milliseconds. */
  readonly now = (): number => Date.now() + this.ahead

  /** Learns from a reply, given the times of this host at which the request was sent and the reply came. */
  learn(date: string | undefined, sentAt: number, cameAt: number): void {
    const told = date === undefined ? Number.NaN : Date.parse(date)
    // The host's clock was set meanwhile: the reply says nothing.
    if (Number.isNaN(told) || cameAt < sentAt) return
    const least = told - slack - cameAt
    const most = told + 1000 + slack - sentAt
    if (least <= 0 && most >= 0) this.ahead = 0
    else this.ahead = Math.min(Math.max(this.ahead, least), most)
  }

  /** The middleware that every command gets. */
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

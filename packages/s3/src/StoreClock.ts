/**
 * The store's clock, as its answers tell it.
 *
 * A `Date` header is cut to the second, and was written at some time between the request and its answer. So each
 * answer says within about a second what the difference of the clocks is, and the estimate is moved no further than
 * that: whatever came before, it is never further off than the last answer allows; and an answer from just before or
 * after a full second says much more, so that after some of them the rest is about the time of a round trip. This
 * process's own clock is only ever used for how much time passes.
 */

const second = 1_000

export class StoreClock {
  private difference: number | undefined

  /** Whether any answer told the time. */
  get isSet(): boolean {
    return this.difference !== undefined
  }

  /**
   * @param date a `Date` header
   * @param sent before the request, as `performance.now` told it
   * @param received after the head of its answer
   */
  learn(date: string | undefined, sent: number, received: number): void {
    const told = date === undefined ? Number.NaN : Date.parse(date)
    if (Number.isNaN(told)) return
    const [least, most] = [told - received, told + second - sent]
    this.difference = Math.min(most, Math.max(least, this.difference ?? (least + most) / 2))
  }

  /** Epoch milliseconds, whole; not a number before anything was learnt. */
  readonly now = (): number => Math.round(performance.now() + (this.difference ?? Number.NaN))
}

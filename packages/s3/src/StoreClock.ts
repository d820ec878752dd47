/**
 * The store's clock, estimated from its answers.
 *
 * A `Date` header is cut to the second, and was written at some time between the request and its answer. So each answer
 * bounds the difference of the clocks to about a second, and the estimate is moved into those bounds and no further. It
 * is never further off than the last answer allows. An answer from just before or after a full second bounds it much
 * more closely, so after some of them the error is about the time of a round trip. This process's own clock only
 * measures how much time passes.
 */

const second = 1_000

export class StoreClock {
  private difference: number | undefined

  /** True once an answer contained the time. */
  get isSet(): boolean {
    return this.difference !== undefined
  }

  /**
   * @param date a `Date` header
   * @param sent the moment before the request, by `performance.now`
   * @param received the moment after the head of its answer
   */
  learn(date: string | undefined, sent: number, received: number): void {
    const told = date === undefined ? Number.NaN : Date.parse(date)
    if (Number.isNaN(told)) return
    const [least, most] = [told - received, told + second - sent]
    this.difference = Math.min(most, Math.max(least, this.difference ?? (least + most) / 2))
  }

  /** Whole epoch milliseconds; `NaN` before the first answer. */
  readonly now = (): number => Math.round(performance.now() + (this.difference ?? Number.NaN))
}

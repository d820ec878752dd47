/**
 * Time laid out in space.
 */

/** From an instant to a place between two edges. */
export class Scale {
  readonly from: number
  readonly to: number
  readonly left: number
  readonly right: number

  constructor(from: number, to: number, left: number, right: number) {
    this.from = from
    this.to = to
    this.left = left
    this.right = right
  }

  /** Where an instant lies; those outside lie at the edges. */
  x(at: number): number {
    const share = (at - this.from) / (this.to - this.from)
    return this.left + Math.max(0, Math.min(1, share)) * (this.right - this.left)
  }

  /** Round durations since `zero`, at most about `most` of them. */
  ticks(zero: number, most: number): ReadonlyArray<number> {
    const step = niceStep((this.to - this.from) / most)
    const ticks: Array<number> = []
    for (let tick = Math.ceil((this.from - zero) / step) * step; zero + tick <= this.to; tick += step) ticks.push(tick)
    return ticks
  }
}

const niceStep = (rough: number): number => {
  const power = 10 ** Math.floor(Math.log10(rough))
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
}

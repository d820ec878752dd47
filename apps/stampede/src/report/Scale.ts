/**
 * The axis of time.
 */
import { all, el, label, type Markup } from "./Markup.ts"

/** Maps instants to places between two edges. */
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

  /** The place of an instant; those outside lie at the edges. */
  x(at: number): number {
    const share = (at - this.from) / (this.to - this.from)
    return this.left + Math.max(0, Math.min(1, share)) * (this.right - this.left)
  }

  /** The axis at height `y`, with about `most` ticks at round durations since `zero`. */
  axis(zero: number, most: number, y: number, nameOf: (tick: number) => string): Markup {
    return all(
      this.ticks(zero, most).map((tick) => {
        const x = this.x(zero + tick)
        return all(
          el("line", { class: "grid", x1: x, x2: x, y1: y, y2: y + 5 }),
          label("tick", x, y + 18, tick === 0 ? "0" : nameOf(tick), "middle")
        )
      }),
      el("line", { class: "grid", x1: this.left, x2: this.right, y1: y + 0.5, y2: y + 0.5 })
    )
  }

  private ticks(zero: number, most: number): ReadonlyArray<number> {
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

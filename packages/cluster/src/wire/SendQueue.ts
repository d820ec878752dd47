/**
 * What one end sends: all that is said in one turn of the event loop travels as one message, and no message is handed
 * to a channel that has not taken the ones before. What waits meanwhile grows into the next batch.
 */

import type { Port } from "./Ports.ts"
import { type Frame, type Mode, version, writeFrame } from "./Wire.ts"

/** Messages that a channel may be busy with at once. */
const mostUnderWay = 2
/** Items in one message: a thousand small ones are sent as fast as one, and more would only make the other end wait. */
const mostItems = 1_000

export class SendQueue<Item> {
  mode: Mode = "structured"
  private readonly port: Port
  private readonly to: Frame<Item>["to"]
  private readonly link: string
  /** Whether an item that waited is still wanted. */
  private readonly wanted: (item: Item) => boolean
  private items: Array<Item> = []
  private scheduled = false
  private underWay = 0

  constructor(port: Port, to: Frame<Item>["to"], link: string, wanted: (item: Item) => boolean) {
    this.port = port
    this.to = to
    this.link = link
    this.wanted = wanted
  }

  push(item: Item): void {
    this.items.push(item)
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(this.flush)
  }

  /** Past all that waits, in a shape that every channel carries. */
  sendNow(item: Item): void {
    this.post([item], "structured")
  }

  /** Forgets what has not been sent. */
  clear(): void {
    this.items = []
  }

  private readonly flush = (): void => {
    this.scheduled = false
    while (this.items.length > 0 && this.underWay < mostUnderWay) {
      const batch = this.items.length <= mostItems ? this.items : this.items.slice(0, mostItems)
      this.items = batch === this.items ? [] : this.items.slice(mostItems)
      const items = batch.filter(this.wanted)
      if (items.length > 0) this.post(items, this.mode)
    }
  }

  private post(items: ReadonlyArray<Item>, mode: Mode): void {
    const frame: Frame<Item> = { cacheLocking: version, to: this.to, link: this.link, items }
    this.underWay++
    let done = false
    this.port.post(writeFrame(frame, mode), () => {
      if (done) return
      done = true
      this.underWay--
      if (this.items.length > 0) this.flush()
    })
  }
}

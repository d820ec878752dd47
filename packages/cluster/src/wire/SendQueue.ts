/**
 * Sends the items of one link. All items of one turn of the event loop travel as one message. A channel that has not
 * taken its last messages gets no further ones: the items wait, and the next message carries them all.
 */
import type { Port } from "./Ports.ts"
import { type Frame, type Mode, version, writeFrame } from "./Wire.ts"

/** Messages that a channel may have to take at once. */
const maxMessages = 2
/** Items in one message. A thousand small items are sent as fast as one; more would only make the other end wait. */
const maxItems = 1_000

export class SendQueue<Item> {
  mode: Mode = "structured"
  private readonly port: Port
  private readonly to: Frame<Item>["to"]
  private readonly link: string
  /** False for an item that is no longer needed, which is then not sent. */
  private readonly isWanted: (item: Item) => boolean
  private items: Array<Item> = []
  private scheduled = false
  private messages = 0

  constructor(port: Port, to: Frame<Item>["to"], link: string, isWanted: (item: Item) => boolean) {
    this.port = port
    this.to = to
    this.link = link
    this.isWanted = isWanted
  }

  push(item: Item): void {
    this.items.push(item)
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(this.flush)
  }

  /** Sends an item ahead of all others, in a form that every channel carries. */
  sendNow(item: Item): void {
    this.send([item], "structured")
  }

  /** Drops the items that were not sent. */
  clear(): void {
    this.items = []
  }

  private readonly flush = (): void => {
    this.scheduled = false
    while (this.items.length > 0 && this.messages < maxMessages) {
      const batch = this.items.length <= maxItems ? this.items : this.items.slice(0, maxItems)
      this.items = batch === this.items ? [] : this.items.slice(maxItems)
      const items = batch.filter(this.isWanted)
      if (items.length > 0) this.send(items, this.mode)
    }
  }

  private send(items: ReadonlyArray<Item>, mode: Mode): void {
    const frame: Frame<Item> = { cacheLocking: version, to: this.to, link: this.link, items }
    this.messages++
    let done = false
    this.port.send(writeFrame(frame, mode), () => {
      if (done) return
      done = true
      this.messages--
      if (this.items.length > 0) this.flush()
    })
  }
}

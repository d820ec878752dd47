import type { Port } from "../wire/Ports.ts"
import { SendQueue } from "../wire/SendQueue.ts"
import type { Mode, PrimaryItem } from "../wire/Wire.ts"
import { Listings } from "./Listings.ts"
import type { Space } from "./Space.ts"
import type { Caller } from "./Verb.ts"

/** A namespace as a client opened it. */
export interface Opened {
  readonly name: string
  readonly options: object | null
  /** The namespace, or the one that it last was; absent while it was refused each time. */
  space: Space | undefined
}

/** The primary's end of one client's link, with everything that ends with the link. */
export class ClientLink implements Caller {
  readonly link: string
  readonly queue: SendQueue<PrimaryItem>
  /** The namespaces that the client has opened, by handle. */
  readonly opened = new Map<number, Opened>()
  readonly listings = new Listings()
  private readonly subscriptions = new Map<number, () => void>()

  constructor(link: string, port: Port, mode: Mode) {
    this.link = link
    this.queue = new SendQueue<PrimaryItem>(port, "client", link, () => true)
    this.queue.mode = mode
  }

  readonly subscribe: Caller["subscribe"] = (id, begin) => {
    this.unsubscribe(id)
    this.subscriptions.set(
      id,
      begin({
        changed: (key) => this.queue.push(["changed", id, key]),
        lost: () => this.queue.push(["lost", id])
      })
    )
  }

  unsubscribe(id: number): void {
    this.subscriptions.get(id)?.()
    this.subscriptions.delete(id)
  }

  /** Ends all subscriptions, and gives back the leases. */
  close(): void {
    for (const id of [...this.subscriptions.keys()]) this.unsubscribe(id)
    this.queue.clear()
    const spaces = new Set(Array.from(this.opened.values(), ({ space }) => space))
    for (const space of spaces) space?.releaseLink(this.link)
  }
}

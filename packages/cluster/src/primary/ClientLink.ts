import type { Port } from "../wire/Ports.ts"
import { SendQueue } from "../wire/SendQueue.ts"
import type { Fault, Mode, PrimaryItem } from "../wire/Wire.ts"
import { Listings } from "./Listings.ts"
import { Space } from "./Space.ts"
import type { Caller } from "./Verb.ts"

/** The primary's end of one client's link, with everything that ends with the link. */
export class ClientLink implements Caller {
  readonly link: string
  readonly queue: SendQueue<PrimaryItem>
  /** The namespaces that the client has opened, by handle. For a refused one it holds the reason. */
  readonly spaces = new Map<number, Space | Fault>()
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
      begin((key) => this.queue.push(["changed", id, key]))
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
    for (const space of new Set(this.spaces.values())) if (space instanceof Space) space.releaseLink(this.link)
  }
}

import type { Event, Story } from "../story/Story.ts"

/**
 * A request of an isolate, as on Cloudflare Workers. Work belongs to the request that began it: when the request is over,
 * none of its timers fires and none of its messages is received.
 */
export class Request {
  /** True when it was cut off before its end. */
  isCut = false
  /** The calls that are not answered. */
  private calls: number
  /** The work that it is kept alive for. */
  private kept = 0

  constructor(calls: number) {
    this.calls = calls
  }

  /** True when nothing that began in it goes on. */
  get over(): boolean {
    return this.isCut || (this.calls <= 0 && this.kept === 0)
  }

  answered(): void {
    this.calls--
  }

  readonly waitUntil = (work: Promise<unknown>): void => {
    this.kept++
    const done = (): void => {
      this.kept--
    }
    work.then(done, done)
  }
}

/** The requests of a story, by process and number. */
export class Requests {
  private readonly all = new Map<string, Request>()
  private readonly story: Story

  constructor(story: Story) {
    this.story = story
  }

  /** The request of a call, which has one in an isolate. */
  of(process: number, number: number | undefined): Request | undefined {
    if (this.story.store !== "isolates") return undefined
    if (number === undefined) return new Request(1)
    const isPart = (event: Event) =>
      "request" in event && event.do !== "cut" && event.request === number && event.process === process
    const request = this.find(process, number) ?? new Request(this.story.events.filter(isPart).length)
    this.all.set(`${process} ${number}`, request)
    return request
  }

  /** One that has begun. */
  find(process: number, number: number | undefined): Request | undefined {
    return this.all.get(`${process} ${number}`)
  }
}

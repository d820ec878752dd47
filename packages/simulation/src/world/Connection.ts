/**
 * The messages between one process and the stores. Each takes its own time, and may be slow, lost or doubled.
 */
import { AdapterError, type ChangeListener, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Event, Leg, Story, Verb } from "../story/Story.ts"
import type { Time } from "./VirtualTime.ts"

/** A fault of messages. */
export type MessageFault = Extract<Event, { readonly verb: Verb }>

/** A store that messages reach. */
export interface Endpoint {
  /** True while it refuses all requests. */
  readonly refusing: boolean
}

/** One request. */
export interface Question<A> {
  readonly to: Endpoint
  readonly verb: Verb
  /** The verb as it appears in errors. */
  readonly operation: Operation
  readonly keys: ReadonlyArray<string>
  /** Runs in the store when the request arrives there. */
  readonly answer: () => A
}

/** Milliseconds between attempts to mend a broken connection. */
const mendEvery = 50

/** Runs a function where a process receives its messages, when it is able to. */
export type Deliver = (run: () => void) => void

export class Connection {
  private readonly time: Time
  private readonly story: Pick<Story, "delay" | "slower" | "commandTimeout">
  private readonly here: () => Deliver
  private readonly faults = new Set<MessageFault & { readonly until: number }>()
  /** The requests without an answer, by key, but for renewals. */
  private readonly asking = new Map<string, number>()

  /** @param here returns the place that the present work belongs to */
  constructor(time: Time, story: Pick<Story, "delay" | "slower" | "commandTimeout">, here: () => Deliver) {
    this.time = time
    this.story = story
    this.here = here
  }

  /** Begins a fault, and returns what ends it before its time. */
  suffer(fault: MessageFault): () => void {
    const suffered = { ...fault, until: this.time.now + fault.for }
    this.faults.add(suffered)
    return () => this.faults.delete(suffered)
  }

  /** True while a request about a key is under way, other than a renewal. */
  asks(key: string): boolean {
    return (this.asking.get(key) ?? 0) > 0
  }

  /** Sends a request and waits for its reply. */
  ask<A>({ answer, keys, operation, to, verb }: Question<A>): Effect.Effect<A, AdapterError> {
    const key = keys[0]
    const unavailable = (message: string, unanswered?: number) =>
      Effect.fail(
        new AdapterError({ adapter: "simulated", operation, key, reason: "Unavailable", message, unanswered })
      )
    return Effect.callback<A, AdapterError>((resume) => {
      const deliver = this.here()
      let done = false
      const end = (): boolean => {
        if (done) return false
        done = true
        deadline.cancel()
        this.count(verb, keys, -1)
        return true
      }
      const reply = (effect: Effect.Effect<A, AdapterError>): void => {
        if (end()) resume(effect)
      }
      const arrive = (): void => {
        const answered = to.refusing ? unavailable("the store refuses") : Effect.succeed(answer())
        for (const back of this.arrivals(verb, "reply")) this.time.after(back, () => deliver(() => reply(answered)))
      }
      this.count(verb, keys, 1)
      const { commandTimeout } = this.story
      const late = (): void => deliver(() => reply(unavailable("no answer in time", commandTimeout)))
      const deadline = this.time.after(commandTimeout, late)
      for (const there of this.arrivals(verb, "request")) this.time.after(there, arrive)
      return Effect.sync(end)
    })
  }

  /** Makes a function that is run in the process after each call in the store. */
  pushed(run: () => void): () => void {
    const deliver = this.here()
    return () => {
      for (const delay of this.arrivals("push", "reply")) this.time.after(delay, () => deliver(run))
    }
  }

  /**
   * Makes a function that tells the process of each change in the store. The changes arrive in their order; one that is lost
   * breaks the connection, which the process notices when messages arrive again.
   */
  feed(listener: ChangeListener): (key: string) => void {
    const { time } = this
    const deliver = this.here()
    let inOrder = 0
    let broken = false
    const mend = (): void => {
      const [delay] = this.arrivals("push", "reply")
      if (delay === undefined) time.after(mendEvery, mend)
      else {
        broken = false
        time.after(delay, () => deliver(() => listener.lost()))
        time.after(2 * delay, () => deliver(() => listener.restored()))
      }
    }
    return (key) => {
      if (broken) return
      const arrivals = this.arrivals("push", "reply")
      if (arrivals.length === 0) {
        broken = true
        time.after(mendEvery, mend)
      }
      for (const delay of arrivals) {
        inOrder = Math.max(inOrder, time.now + delay)
        time.after(inOrder - time.now, () => deliver(() => listener.changed(key)))
      }
    }
  }

  /** A renewal is no work: it may be all that becomes of a lease. */
  private count(verb: Verb, keys: ReadonlyArray<string>, more: 1 | -1): void {
    if (verb === "renew") return
    for (const key of keys) this.asking.set(key, (this.asking.get(key) ?? 0) + more)
  }

  /** The times after which a message arrives: none if it is lost, two if it is doubled. */
  private arrivals(verb: Verb, leg: Leg): ReadonlyArray<number> {
    // A slow reply tells of an instant that is long past; a slow subscription is live late.
    const slowLeg: Leg = verb === "watch" ? "request" : "reply"
    let delay = this.story.delay + (leg === slowLeg ? (this.story.slower[verb] ?? 0) : 0)
    const again: Array<number> = []
    for (const fault of this.faults) {
      if (fault.until <= this.time.now || (fault.verb !== "any" && fault.verb !== verb)) continue
      // What is sent again is a request, or a push; a second reply meets nobody.
      if (fault.do === "double" && (leg === "request" || verb === "push")) again.push(fault.by)
      if (fault.do === "double" || fault.leg !== leg) continue
      if (fault.do === "lose") return []
      delay += fault.by
    }
    return [delay, ...again.map((by) => delay + by)]
  }
}

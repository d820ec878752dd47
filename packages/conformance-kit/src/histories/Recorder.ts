/**
 * Random flights over one key, recorded as they happen. The same seed makes the same requests; the times between them,
 * and so the replies, depend on the machine.
 */
import {
  type Adapter,
  type AdapterError,
  type FillOptions,
  isAdapterError,
  type Lifetime,
  Token
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { now, type Time } from "../world/Time.ts"
import { Violation } from "../world/Verdict.ts"
import { value } from "../world/World.ts"
import type { Event, History, Reply, Request } from "./History.ts"

/** A random generator that is small, good enough, and the same on all platforms (mulberry32). */
export const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The flights of a history, and the key and peers that they use. */
export interface Plan {
  readonly key: string
  readonly peers: ReadonlyArray<readonly [name: string, adapter: Adapter]>
  readonly flightsPerPeer: number
  readonly requestsPerFlight: number
  readonly time: Time
  readonly seed: number
  /** True where failures of the backend are part of the plan. */
  readonly failing: boolean
}

const pick = <A>(random: () => number, from: ReadonlyArray<A>): A => from[Math.floor(random() * from.length)]!

/** The share of each verb, of 22. */
const verbs: ReadonlyArray<Request["verb"]> = [
  ...Array<"acquire">(8).fill("acquire"),
  ...Array<"fill">(4).fill("fill"),
  ...Array<"abandon">(2).fill("abandon"),
  ...Array<"renew">(2).fill("renew"),
  ...Array<"read">(2).fill("read"),
  ...Array<"touch">(2).fill("touch"),
  "delete",
  "put"
]

class Flight {
  private readonly plan: Plan
  private readonly name: string
  private readonly adapter: Adapter
  private readonly random: () => number
  private readonly events: Array<Event>
  /** Tokens of all flights: a token used by another flight than its own is a test, too. */
  private readonly tokens: Array<Token>
  private texts = 0

  constructor(plan: Plan, name: string, adapter: Adapter, seed: number, events: Array<Event>, tokens: Array<Token>) {
    this.plan = plan
    this.name = name
    this.adapter = adapter
    this.random = randomOf(seed)
    this.events = events
    this.tokens = tokens
  }

  readonly run = Effect.fnUntraced({ self: this }, function* (this: Flight) {
    const { time } = this.plan
    for (let count = 0; count < this.plan.requestsPerFlight; count++) {
      yield* time.sleep(this.random() * time.units(2))
      const request = this.next()
      const sent = now()
      const reply = yield* this.ask(request)
      this.events.push({ flight: this.name, sent, got: now(), request, reply })
    }
  })

  private next(): Request {
    const verb = pick(this.random, verbs)
    switch (verb) {
      case "acquire": {
        const refreshWithin = this.random() < 0.3 ? this.span() : undefined
        const owner = `${this.name}.${Math.floor(this.random() * 2)}`
        return { verb, owner, leaseFor: this.span(), refreshWithin, force: this.random() < 0.08 }
      }
      case "fill":
        return { verb, token: this.token(), text: this.optionalText(), lifetime: this.lifetime() }
      case "abandon":
        return { verb, token: this.token(), cooldown: this.random() < 0.4 ? this.span() : 0, text: this.text() }
      case "renew":
        return { verb, token: this.token(), leaseFor: this.span() }
      case "touch":
        return { verb, freshFor: this.span() }
      case "put":
        return { verb, text: this.text(), lifetime: this.lifetime() }
      default:
        return { verb }
    }
  }

  /** Mostly longer than the history; sometimes ending in it. */
  private span(): number {
    return this.random() < 0.5 ? this.plan.time.long : Math.round(this.plan.time.units(1 + this.random() * 4))
  }

  private lifetime(): Lifetime {
    const stale = this.random() < 0.5 ? 0 : this.span()
    return { fresh: this.random() < 0.1 ? 0 : this.span(), stale }
  }

  private text(): string {
    return `${this.name}#${++this.texts}`
  }

  private optionalText(): string | undefined {
    return this.random() < 0.3 ? undefined : this.text()
  }

  /** Mostly the latest granted token, sometimes an older one, seldom one that was never granted. */
  private token(): Token {
    const back = this.random() < 0.7 ? 0 : Math.floor(this.random() * 4)
    return this.tokens.at(-1 - back) ?? Token("never granted")
  }

  private ask(request: Request): Effect.Effect<Reply> {
    return Effect.map(Effect.result(this.send(request)), (result): Reply => {
      if (Result.isSuccess(result)) return result.success
      const { failure } = result
      if (!(isAdapterError(failure) && failure.retryable)) {
        throw new Violation(`${request.verb} failed: ${failure.message}`)
      }
      return { verb: "lost" }
    })
  }

  private send(request: Request): Effect.Effect<Reply, AdapterError> {
    const { adapter } = this
    const { key } = this.plan
    const held = (answer: boolean): Reply => ({ verb: "held", answer })
    switch (request.verb) {
      case "acquire":
        return Effect.map(adapter.acquire(key, request), (answer): Reply => {
          if (answer._tag === "Leader") this.tokens.push(answer.token)
          return { verb: "acquire", answer }
        })
      case "fill":
        return Effect.map(adapter.fill(key, filling(request)), held)
      case "abandon": {
        const { cooldown, text, token } = request
        return Effect.map(adapter.abandon(key, { token, cooldown, cause: value(text) }), held)
      }
      case "renew":
        return Effect.map(adapter.renew(key, request), held)
      case "delete":
        return Effect.map(adapter.delete(key), held)
      case "put":
        return Effect.map(adapter.put(key, { ...request, value: value(request.text) }), (): Reply => ({ verb: "put" }))
      case "touch":
        return Effect.map(adapter.touch(key, request), held)
      case "read":
        return Effect.map(adapter.read(key), (answer): Reply => ({ verb: "read", answer }))
    }
  }
}

const filling = ({ lifetime, text, token }: Extract<Request, { readonly verb: "fill" }>): FillOptions =>
  text === undefined ? { token, lifetime } : { token, lifetime, value: value(text) }

/** Runs all flights at once, and returns the history. */
export const record = (plan: Plan): Effect.Effect<History> =>
  Effect.suspend(() => {
    const events: Array<Event> = []
    const tokens: Array<Token> = []
    const flights = plan.peers.flatMap(([name, adapter], peer) =>
      Array.from({ length: plan.flightsPerPeer }, (_, index) => {
        const seed = plan.seed * 97 + peer * 11 + index
        return new Flight(plan, `${name}${index + 1}`, adapter, seed, events, tokens).run()
      })
    )
    return Effect.map(Effect.all(flights, { concurrency: "unbounded" }), () => {
      const lost = events.filter(({ reply }) => reply.verb === "lost").length
      if (!plan.failing && lost > events.length / 4) {
        throw new Violation(`${lost} of ${events.length} requests failed as Unavailable, on a backend that is well`)
      }
      return events
    })
  })

/**
 * The environment of a case: two peers on one backend, a key that no other case uses, and time; and the small steps of
 * which most cases consist.
 */
import type { Acquired, AcquireOptions, Adapter, AdapterError, Lifetime, Token, Value } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Claims } from "./Claims.ts"
import * as Expect from "./Expect.ts"
import type { Records, Stall } from "./Setup.ts"
import type { Time } from "./Time.ts"

const encoder = new TextEncoder()

/** Text as a value. */
export const value = (text: string): Value => ({ bytes: encoder.encode(text) })

/** Names are short, so that the odd keys of the cases fit any backend, and unique beyond one run. */
const run = Math.floor(Math.random() * 36 ** 5).toString(36)
let names = 0
const unique = (): string => `${run}${(++names).toString(36)}`

export class World {
  readonly here: Adapter
  readonly there: Adapter
  readonly claims: Claims
  readonly time: Time
  readonly seed: number
  readonly records: Records | undefined
  readonly stall: Stall | undefined
  /** All peers: these two, and any more for races. */
  readonly peers: ReadonlyArray<Adapter>
  /** The rounds of a race, where the case does not decide them. */
  readonly rounds: Rounds | undefined
  /** A key of this case alone. */
  readonly key: string
  /** The outcomes of a race's rounds, as far as its case distinguishes them. */
  readonly outcomes = new Set<string>()

  constructor(
    fields: Pick<World, "here" | "there" | "claims" | "time" | "seed" | "records" | "stall"> & {
      readonly more?: ReadonlyArray<Adapter> | undefined
      readonly rounds?: Rounds | undefined
    }
  ) {
    this.here = fields.here
    this.there = fields.there
    this.peers = [fields.here, fields.there, ...(fields.more ?? [])]
    this.rounds = fields.rounds
    this.claims = fields.claims
    this.time = fields.time
    this.seed = fields.seed
    this.records = fields.records
    this.stall = fields.stall
    this.key = this.name()
  }

  /** Both peers, for a law that must hold through either. */
  get both(): readonly [Adapter, Adapter] {
    return [this.here, this.there]
  }

  /** A name that was never used: of a key, or of an owner. */
  name(): string {
    return unique()
  }

  /** A lifetime longer than any case. */
  get longLife(): Lifetime {
    return { fresh: this.time.long, stale: 0 }
  }

  /** Asks for a key as a new flight. */
  ask(peer: Adapter, key = this.key, options: Partial<AcquireOptions> = {}): Effect.Effect<Acquired, AdapterError> {
    return this.time.measured(peer.acquire(key, { owner: this.name(), leaseFor: this.time.long, ...options }))
  }

  /** Asks for a key as a new flight, which must lead. */
  lead(peer: Adapter, key = this.key, options: Partial<AcquireOptions> = {}): Effect.Effect<Token, AdapterError> {
    return Effect.map(this.ask(peer, key, options), (found) => Expect.leads(found, "asking for the lease").token)
  }

  /** Leads, and fills. */
  filled(peer: Adapter, given: Value, lifetime = this.longLife, key = this.key): Effect.Effect<void, AdapterError> {
    return Effect.flatMap(this.lead(peer, key), (token) => this.fill(peer, token, given, lifetime, key))
  }

  /** Fills, which must be held. */
  fill(peer: Adapter, token: Token, given: Value, lifetime = this.longLife, key = this.key) {
    return Effect.map(peer.fill(key, { token, value: given, lifetime }), (held) =>
      Expect.same(held, true, "filling under a live lease")
    )
  }

  /** Fills with the value that is there, which must be held. */
  refill(peer: Adapter, token: Token, lifetime = this.longLife, key = this.key) {
    return Effect.map(peer.fill(key, { token, lifetime }), (held) =>
      Expect.same(held, true, "filling without a value, under a live lease")
    )
  }

  /** Does something many times at once, through all peers in turn. */
  crowd<A, E>(count: number, call: (peer: Adapter, index: number) => Effect.Effect<A, E>) {
    return Effect.forEach(
      Array.from({ length: count }, (_, index) => this.peers[index % this.peers.length]!),
      call,
      { concurrency: "unbounded" }
    )
  }

  /** Asks many times at once, through all peers in turn, each as a flight of its own. */
  race(count: number, key = this.key, options: Partial<AcquireOptions> = {}) {
    return this.crowd(count, (peer) => this.ask(peer, key, options))
  }

  /**
   * Runs both at once. The one that begins changes from round to round. After the twentieth round the other one begins
   * up to three milliseconds later, for stores to which one of them takes a longer way.
   */
  together<A, B, E, E2>(round: number, one: Effect.Effect<A, E>, two: Effect.Effect<B, E2>) {
    const head = round < 20 ? 0 : Math.floor(round / 2) % 4
    const late = <C, E3>(effect: Effect.Effect<C, E3>) =>
      head === 0 ? effect : Effect.andThen(this.time.sleep(head), effect)
    return round % 2 === 0
      ? Effect.all([one, late(two)], { concurrency: "unbounded" })
      : Effect.map(Effect.all([two, late(one)], { concurrency: "unbounded" }), ([b, a]) => [a, b] as const)
  }
}

/** The rounds of a race: how many there are, and how many run at once. */
export interface Rounds {
  readonly count: number
  readonly atOnce: number
}

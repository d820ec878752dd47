/**
 * One process: a clock that may be wrong, an adapter whose messages take time and may be lost, and a cache of the real core.
 */
import {
  type Adapter,
  AdapterError,
  Cache,
  type Codec,
  ConditionalStore,
  Entry,
  type Operation,
  type Value
} from "@cache-locking/core"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import type { Versioned } from "./History.ts"
import type { Random as Chance } from "./Random.ts"
import type { Store } from "./Store.ts"
import type { Leg, Story, Verb } from "./Story.ts"
import type { Timer, VirtualTime } from "./VirtualTime.ts"

/** Wall clocks begin here, in epoch milliseconds. */
export const epoch = 1_700_000_000_000

interface Fault {
  readonly kind: "slow" | "lose"
  readonly verb: Verb
  readonly leg: Leg
  readonly by: number
  readonly until: number
}

export class Process {
  readonly id: number
  readonly cache: Cache.ListingCache<Versioned>
  readonly context: Context.Context<never>
  dead = false
  closed = false
  /** The messages to the store that have no answer, by key. */
  private readonly asking = new Map<string, number>()
  private readonly time: VirtualTime
  private readonly store: Store
  private readonly story: Story
  private readonly faults: Array<Fault> = []
  private pausedUntil = 0
  private readonly waitingForResume: Array<() => void> = []
  private offset = 0

  constructor(
    id: number,
    time: VirtualTime,
    store: Store,
    story: Story,
    codec: Codec.Codec<Versioned>,
    chance: Chance
  ) {
    this.id = id
    this.time = time
    this.store = store
    this.story = story
    const noLoggers: ReadonlySet<Logger.Logger<unknown, unknown>> = new Set()
    this.context = Context.make(Clock.Clock, this.clock).pipe(
      Context.add(Random.Random, {
        nextIntUnsafe: () => Math.floor(chance.next() * 2 ** 31),
        nextDoubleUnsafe: () => chance.next()
      }),
      Context.add(Logger.CurrentLoggers, noLoggers)
    ) as Context.Context<never>
    const { tags, ...settings } = story.settings
    this.cache = Cache.makeUnsafe<Versioned>(
      {
        ...settings,
        adapter: story.store === "client-clock" ? this.conditional() : this.direct(),
        codec,
        ownerId: `p${id}`,
        tags: tags === "told" ? (_key, value) => [`tag-of-${value.key}`] : undefined
      },
      this.context
    ) as unknown as Process["cache"]
  }

  /** Runs an effect in this process; `ended` is called unless the process dies first. */
  run<A, E>(effect: Effect.Effect<A, E>, ended: (exit: import("effect/Exit").Exit<A, E>) => void): void {
    this.deliver(() => {
      Effect.runForkWith(this.context)(effect).addObserver((exit) => {
        if (!this.dead) ended(exit)
      })
    })
  }

  /** Runs a function when the process is able to: not while it is paused, and never once it is dead. */
  private deliver(run: () => void): void {
    if (this.dead) return
    if (this.time.now < this.pausedUntil) this.waitingForResume.push(run)
    else run()
  }

  after(millis: number, run: () => void): Timer {
    return this.time.after(millis, () => this.deliver(run))
  }

  pause(millis: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.time.now + millis)
    this.time.after(this.pausedUntil - this.time.now, () => {
      if (this.time.now < this.pausedUntil) return
      for (const run of this.waitingForResume.splice(0)) this.deliver(run)
    })
  }

  get paused(): boolean {
    return this.time.now < this.pausedUntil
  }

  step(millis: number): void {
    this.offset += millis
  }

  suffer(kind: Fault["kind"], verb: Verb, leg: Leg, by: number, millis: number): void {
    this.faults.push({ kind, verb, leg, by, until: this.time.now + millis })
  }

  /** True while a message about a key is under way. */
  asks(key: string): boolean {
    return (this.asking.get(key) ?? 0) > 0
  }

  private readonly clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => epoch + this.time.now + this.offset,
    currentTimeMillis: Effect.sync(() => epoch + this.time.now + this.offset),
    currentTimeNanosUnsafe: () => BigInt(Math.round((epoch + this.time.now + this.offset) * 1e6)),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round((epoch + this.time.now + this.offset) * 1e6))),
    monotonicTimeNanosUnsafe: () => BigInt(Math.round(this.time.now * 1e6)),
    monotonicTimeNanos: Effect.sync(() => BigInt(Math.round(this.time.now * 1e6))),
    sleep: (duration) =>
      Effect.callback((resume) => {
        const timer = this.after(Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(() => timer.cancel())
      })
  }

  private delayOf(verb: Verb, leg: Leg): number | "lost" {
    // A slow reply tells of an instant that is long past; a slow subscription is live late.
    const slowLeg: Leg = verb === "watch" ? "request" : "reply"
    let delay = this.story.delay + (leg === slowLeg ? (this.story.slower[verb] ?? 0) : 0)
    for (const fault of this.faults) {
      if (fault.until <= this.time.now || fault.leg !== leg) continue
      if (fault.verb !== "any" && fault.verb !== verb) continue
      if (fault.kind === "lose") return "lost"
      delay += fault.by
    }
    return delay
  }

  /** One request and its reply. */
  private ask<A>(verb: Verb, operation: Operation, key: string, answer: () => A): Effect.Effect<A, AdapterError> {
    const unavailable = (message: string) =>
      new AdapterError({ adapter: "simulated", operation, key, reason: "Unavailable", message })
    return Effect.callback<A, AdapterError>((resume) => {
      this.asking.set(key, (this.asking.get(key) ?? 0) + 1)
      let done = false
      const end = (effect: Effect.Effect<A, AdapterError>): void => {
        if (done) return
        done = true
        deadline.cancel()
        this.asking.set(key, this.asking.get(key)! - 1)
        resume(effect)
      }
      const deadline = this.after(this.story.commandTimeout, () => end(Effect.fail(unavailable("no answer in time"))))
      const there = this.delayOf(verb, "request")
      if (there !== "lost") {
        this.time.after(there, () => {
          const reply = this.store.refusing ? Effect.fail(unavailable("the store refuses")) : Effect.succeed(answer())
          const back = this.delayOf(verb, "reply")
          if (back !== "lost") this.after(back, () => end(reply))
        })
      }
      return Effect.sync(() => {
        if (done) return
        done = true
        deadline.cancel()
        this.asking.set(key, this.asking.get(key)! - 1)
      })
    })
  }

  /** An adapter over a store that runs the state machine itself. */
  private direct(): Adapter {
    const { store } = this
    const move = <A>(
      operation: Verb & Operation,
      key: string,
      decide: (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>,
      wakes: (answer: A) => boolean = () => false
    ) => this.ask(operation, operation, key, () => store.move(key, decide, wakes))
    return {
      name: "simulated",
      limits: { keyBytes: 1_000, valueBytes: 100_000, tick: 1, clock: "store" },
      acquire: (key, options) =>
        move("acquire", key, (entry, now) => Entry.acquire(entry, now, options, () => store.grant())),
      fill: (key, options) =>
        move(
          "fill",
          key,
          (entry, now) => Entry.fill(entry, now, { ...options, value: copyOf(options.value) }),
          Boolean
        ),
      abandon: (key, options) => move("abandon", key, (entry, now) => Entry.abandon(entry, now, options), Boolean),
      renew: (key, options) => move("renew", key, (entry, now) => Entry.renew(entry, now, options)),
      delete: (key) => move("delete", key, Entry.remove, () => true),
      put: (key, options) =>
        move(
          "put",
          key,
          (_, now) => Entry.put(now, { ...options, value: copyOf(options.value)! }),
          () => true
        ),
      touch: (key, options) => move("touch", key, (entry, now) => Entry.touch(entry, now, options)),
      read: (key) => move("read", key, (entry, now) => [Entry.read(entry, now), entry]),
      watch: this.story.store === "push" ? (key) => this.watch(key) : undefined
    }
  }

  private watch(key: string) {
    return Effect.map(
      Effect.acquireRelease(
        Effect.suspend(() => {
          const latch = Latch.makeUnsafe()
          const push = (): void => {
            const delay = this.delayOf("push", "reply")
            if (delay !== "lost") this.after(delay, () => latch.openUnsafe())
          }
          return Effect.map(
            this.ask("watch", "watch", key, () => this.store.subscribe(key, push)),
            (unsubscribe) => ({ latch, unsubscribe })
          )
        }),
        ({ unsubscribe }) => Effect.sync(() => unsubscribe())
      ),
      ({ latch }) => latch.await
    )
  }

  /** An adapter over a store that only writes if the record is unchanged. */
  private conditional(): Adapter {
    const { store } = this
    return ConditionalStore.make<number>({
      name: "simulated",
      limits: { keyBytes: 1_000, valueBytes: 100_000, tick: 1, clock: "client" },
      read: (key) => this.ask("read", "read", key, () => store.readRecord(key)),
      writeIf: (key, version, entry) => this.ask("fill", "fill", key, () => store.writeIf(key, version, entry))
    })
  }
}

/** The bytes as the store keeps them, so that no object of one process is seen by another. */
const copyOf = (value: Value | undefined): Value | undefined => value && { bytes: Uint8Array.from(value.bytes) }

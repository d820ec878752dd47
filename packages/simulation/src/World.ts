/**
 * Runs a story: the origin, the store, the processes, and a record of what happened.
 */
import { Codec } from "@cache-locking/core"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Call, Change, History, Load, Versioned } from "./History.ts"
import { epoch, Process } from "./Process.ts"
import { Random } from "./Random.ts"
import { Store } from "./Store.ts"
import type { Event, Story } from "./Story.ts"
import { VirtualTime } from "./VirtualTime.ts"

/** Milliseconds between checks of the leases. */
const lookEvery = 25

/** Milliseconds after the last event and the last bound in which everything has to end. */
const aftermath = 45_000

/** The tag of a key's values. */
export const tagOf = (key: string): string => `tag-of-${key}`

/** The failure of a load. */
class OriginFailed extends Data.TaggedError("ORIGIN_FAILED")<{}> {}

const codec = Codec.json<Versioned>()

class World {
  private readonly time = new VirtualTime()
  private readonly store = new Store(this.time)
  private readonly processes: ReadonlyArray<Process>
  private readonly versions = new Map<string, number>()
  private readonly story: Story
  /** The time since which a lease of a live process has had no load, by key and owner. */
  private readonly idleLeases = new Map<
    string,
    { readonly key: string; readonly process: number; readonly from: number }
  >()
  readonly history: History = { calls: [], loads: [], changes: [], orphans: [], faults: [], leftFlights: 0 }

  constructor(story: Story) {
    this.story = story
    this.processes = Array.from(
      { length: story.processes },
      (_, id) => new Process(id, this.time, this.store, story, codec, new Random(id + 1))
    )
  }

  async run(): Promise<History> {
    for (const event of this.story.events) this.time.after(event.at, () => this.happen(event))
    const end = Math.max(0, ...this.story.events.map(({ at }) => at)) + aftermath
    for (let at = lookEvery; at < end; at += lookEvery) this.time.after(at, () => this.lookAtLeases(), true)
    await this.time.runUntil(end)
    for (const [name] of this.idleLeases) this.endIdle(name)
    for (const process of this.processes) {
      if (process.dead) continue
      for (const key of this.versions.keys()) {
        process.run(process.cache.explain(key), (exit) => {
          if (Exit.isSuccess(exit)) this.history.leftFlights += exit.value.waitersHere
        })
      }
    }
    await this.time.runUntil(end + 1_000)
    return this.history
  }

  private happen(event: Event): void {
    const { history, time } = this
    const process = "process" in event ? this.processes[event.process]! : undefined
    if (process?.dead) return
    const fault = (millis: number): void => {
      history.faults.push({ from: time.now, until: time.now + millis, process: process?.id })
    }
    switch (event.do) {
      case "get-or-set":
      case "refresh":
      case "get":
        this.call(process!, event)
        break
      case "change":
        this.change(process!, event.key, event.by)
        break
      case "pause":
        fault(event.for)
        process!.pause(event.for)
        break
      case "kill":
        fault(this.story.settings.leaseTtl)
        process!.dead = true
        break
      case "close":
        fault(this.story.settings.leaseTtl)
        process!.closed = true
        process!.run(process!.cache.close(), () => {})
        break
      case "step":
        // Where the store ends leases and lifetimes, the wall clock of a process must not matter.
        if (this.story.store === "client-clock") fault(Math.abs(event.by))
        process!.step(event.by)
        break
      case "slow":
        fault(event.for + event.by)
        process!.suffer("slow", event.verb, event.leg, event.by, event.for)
        break
      case "lose":
        // A follower that a lost push did not wake sleeps until the lease ends.
        fault(event.for + this.story.commandTimeout + (event.verb === "push" ? this.story.settings.leaseTtl : 0))
        process!.suffer("lose", event.verb, event.leg, 0, event.for)
        break
      case "refuse":
        fault(event.for)
        this.store.refusing = true
        this.time.after(event.for, () => {
          this.store.refusing = false
        })
        break
      case "forget":
        fault(0)
        this.store.forget(event.key)
        break
    }
  }

  private versionOf(key: string): number {
    return this.versions.get(key) ?? this.versions.set(key, 1).get(key)!
  }

  private call(process: Process, event: Extract<Event, { readonly do: "get-or-set" | "refresh" | "get" }>): void {
    const { key } = event
    const call: Call = {
      id: this.history.calls.length,
      kind: event.do,
      process: process.id,
      key,
      startedAt: this.time.now
    }
    this.history.calls.push(call)
    this.versionOf(key)
    const { cache } = process
    const fetcher = () => this.load(process, key, event)
    const options = this.story.settings.tags === "given" ? { tags: [tagOf(key)] } : undefined
    const effect: Effect.Effect<unknown, unknown> =
      event.do === "get"
        ? cache.get(key)
        : event.do === "refresh"
          ? cache.refresh(key, fetcher, options)
          : cache.getOrSet(key, fetcher, options)
    process.run(effect, (exit) => {
      call.endedAt = this.time.now
      if (Exit.isFailure(exit)) {
        const error = Cause.squash(exit.cause) as { readonly _tag?: string }
        call.error = error?._tag ?? String(error)
      } else if (event.do !== "get") call.answer = exit.value as NonNullable<Call["answer"]>
    })
  }

  /** Reads the origin at once and answers later, as the slowest possible reader does. */
  private load(process: Process, key: string, event: Event): Effect.Effect<Versioned, OriginFailed> {
    const { fails = false, takes } = event as Extract<Event, { readonly takes: number }>
    return Effect.suspend(() => {
      const load: Load = {
        id: this.history.loads.length + 1,
        process: process.id,
        key,
        version: this.versionOf(key),
        startedAt: this.time.now,
        fails
      }
      this.history.loads.push(load)
      const value = { key, version: load.version, load: load.id }
      return Effect.ensuring(
        Effect.andThen(Effect.sleep(takes), fails ? Effect.fail(new OriginFailed()) : Effect.succeed(value)),
        Effect.sync(() => {
          load.endedAt = this.time.now
        })
      )
    })
  }

  private change(process: Process, key: string, by: Change["by"]): void {
    const version = this.versionOf(key) + 1
    this.versions.set(key, version)
    const change: Change = { process: process.id, key, version, by, startedAt: this.time.now }
    this.history.changes.push(change)
    const { cache } = process
    const followed: Effect.Effect<unknown, unknown> =
      by === "delete"
        ? cache.delete(key)
        : by === "tag"
          ? cache.invalidateTag(tagOf(key))
          : cache.set(key, { key, version, load: 0 }, { tags: [tagOf(key)] })
    process.run(followed, (exit) => {
      if (Exit.isSuccess(exit)) change.returnedAt = this.time.now
    })
  }

  private works(process: Process, key: string): boolean {
    return (
      process.asks(key) ||
      this.history.loads.some((load) => load.process === process.id && load.key === key && load.endedAt === undefined)
    )
  }

  private lookAtLeases(): void {
    const seen = new Set<string>()
    for (const { key, owner } of this.store.leases(this.time.now + (this.story.store === "client-clock" ? epoch : 0))) {
      const process = this.processes[Number(owner.slice(1, owner.indexOf(":")))]!
      const name = `${key} ${owner}`
      if (process.dead || process.closed || process.paused || this.works(process, key)) continue
      seen.add(name)
      if (!this.idleLeases.has(name)) this.idleLeases.set(name, { key, process: process.id, from: this.time.now })
    }
    for (const [name] of this.idleLeases) if (!seen.has(name)) this.endIdle(name)
  }

  private endIdle(name: string): void {
    this.history.orphans.push({ ...this.idleLeases.get(name)!, until: this.time.now })
    this.idleLeases.delete(name)
  }
}

/** Runs a story and returns its record. */
export const simulate = (story: Story): Promise<History> => new World(story).run()

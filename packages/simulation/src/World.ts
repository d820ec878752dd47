/**
 * Runs a story: the origin, the store, the processes, and a record of what happened.
 */
import { Codec } from "@cache-locking/core"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stores } from "./Adapters.ts"
import type { Call, Change, History, Load, Versioned } from "./History.ts"
import { epoch, Process } from "./Process.ts"
import { Random } from "./Random.ts"
import { Request } from "./Request.ts"
import { Store } from "./Store.ts"
import type { Event, Story } from "./Story.ts"
import { Values } from "./Values.ts"
import { VirtualTime } from "./VirtualTime.ts"

/** Milliseconds between checks of the leases. */
const lookEvery = 25

/** Milliseconds after the last event and the last bound in which everything has to end. */
const aftermath = 45_000

/** Milliseconds of two polls of a follower, the longest. */
const twoPolls = 2_500

/** The tag of a key's values. */
export const tagOf = (key: string): string => `tag-of-${key}`

/** The process of a lease's owner. */
const ownerOf = (owner: string): number => Number(owner.slice(1, owner.indexOf(":")))

/** The failure of a load. */
class OriginFailed extends Data.TaggedError("ORIGIN_FAILED")<{}> {}

const codec = Codec.json<Versioned>()

class World implements Stores {
  private readonly time = new VirtualTime()
  readonly store = new Store(this.time)
  readonly values: Values
  private readonly processes: ReadonlyArray<Process>
  /** By process and number. */
  private readonly requests = new Map<string, Request>()
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
    this.values = new Values(this.time, story.lag ?? 0)
    this.processes = Array.from(
      { length: story.processes },
      (_, id) => new Process(id, this.time, this, story, codec, new Random(id + 1))
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
          if (Exit.isSuccess(exit)) this.history.leftFlights += exit.value.waitersHere - this.cutOff(process, key)
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
      const verb = "verb" in event ? event.verb : undefined
      history.faults.push({ from: time.now, until: time.now + millis, process: process?.id, verb })
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
      case "cut":
        this.cut(process!, event.request, fault)
        break
      case "step":
        // Where the store ends leases and lifetimes, the wall clock of a process must not matter.
        if (this.story.store === "client-clock") fault(Math.abs(event.by))
        process!.step(event.by)
        break
      case "slow":
        fault(event.for + event.by)
        process!.connection.suffer(event)
        break
      case "double":
        // What arrives after its answer may take a lease that nobody knows of.
        fault(
          event.for + event.by + (event.verb === "acquire" || event.verb === "any" ? this.story.settings.leaseTtl : 0)
        )
        process!.connection.suffer(event)
        break
      case "lose":
        // A follower that a lost push did not wake sleeps until the lease ends.
        fault(event.for + this.story.commandTimeout + (event.verb === "push" ? this.story.settings.leaseTtl : 0))
        process!.connection.suffer(event)
        break
      case "refuse":
        fault(event.for)
        this.refuse(event.values ? this.values : this.store, event.for)
        break
      case "forget":
        fault(0)
        this.store.forget(event.key)
        break
      case "forget-values":
        fault(0)
        this.values.forgetAll()
        break
    }
  }

  private refuse(store: { refusing: boolean }, millis: number): void {
    store.refusing = true
    this.time.after(millis, () => {
      store.refusing = false
    })
  }

  /** The request of a call in an isolate. */
  private requestOf(process: Process, number: number | undefined): Request | undefined {
    if (this.story.store !== "isolates") return undefined
    if (number === undefined) return new Request(1)
    const name = `${process.id} ${number}`
    const isPart = (event: Event) => "request" in event && event.do !== "cut" && event.request === number
    const calls = this.story.events.filter(
      (event) => isPart(event) && "process" in event && event.process === process.id
    )
    const request = this.requests.get(name) ?? new Request(calls.length)
    this.requests.set(name, request)
    return request
  }

  private cut(process: Process, number: number, fault: (millis: number) => void): void {
    const { history, story, time } = this
    const request = this.requests.get(`${process.id} ${number}`)
    if (request === undefined || request.over) return
    request.isCut = true
    const loads = history.loads.filter((load) => load.process === process.id && load.request === number)
    const cut = loads.filter(({ endedAt }) => endedAt === undefined)
    for (const load of cut) load.endedAt = time.now
    const calls = history.calls.filter((call) => call.process === process.id && call.request === number)
    const leads = ({ key, owner }: { readonly key: string; readonly owner: string }): boolean =>
      ownerOf(owner) === process.id && calls.some((call) => call.key === key)
    const asks = calls.some(({ key }) => process.connection.asks(key)) || this.store.leases(time.now).some(leads)
    // A flight that leads is taken for dead after a lease, any other one after two polls.
    fault(cut.length > 0 || asks ? story.settings.leaseTtl : twoPolls)
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
      request: event.request,
      startedAt: this.time.now
    }
    this.history.calls.push(call)
    this.versionOf(key)
    const { cache } = process
    const request = this.requestOf(process, event.request)
    const fetcher = () => this.load(process, key, event)
    const options = {
      ...(this.story.settings.tags === "given" ? { tags: [tagOf(key)] } : {}),
      ...(request !== undefined && this.story.waitUntil ? { waitUntil: request.waitUntil } : {})
    }
    const effect: Effect.Effect<unknown, unknown> =
      event.do === "get"
        ? cache.get(key)
        : event.do === "refresh"
          ? cache.refresh(key, fetcher, options)
          : cache.getOrSet(key, fetcher, options)
    const ended = (exit: Exit.Exit<unknown, unknown>, by: Request | undefined): void => {
      call.endedAt = this.time.now
      if (by !== request) call.isForeign = true
      if (Exit.isFailure(exit)) {
        const error = Cause.squash(exit.cause) as { readonly _tag?: string }
        call.error = error?._tag ?? String(error)
      } else if (event.do !== "get") call.answer = exit.value as NonNullable<Call["answer"]>
    }
    process.run(effect, ended, request)
  }

  /** Reads the origin at once and answers later, as the slowest possible reader does. */
  private load(process: Process, key: string, event: Event): Effect.Effect<Versioned, OriginFailed> {
    const { fails = false, request, takes } = event as Extract<Event, { readonly takes: number }>
    return Effect.suspend(() => {
      const load: Load = {
        id: this.history.loads.length + 1,
        process: process.id,
        key,
        version: this.versionOf(key),
        request,
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
    const returned = (exit: Exit.Exit<unknown, unknown>): void => {
      if (Exit.isSuccess(exit)) change.returnedAt = this.time.now
    }
    process.run(followed, returned, this.requestOf(process, undefined))
  }

  /** The callers of a key whose requests were cut off, so that they can neither wait nor leave. */
  private cutOff(process: Process, key: string): number {
    const isCut = ({ request }: Call) => this.requests.get(`${process.id} ${request}`)?.isCut === true
    const calls = this.history.calls.filter((call) => call.process === process.id && call.key === key)
    return calls.filter((call) => call.endedAt === undefined && isCut(call)).length
  }

  private works(process: Process, key: string): boolean {
    return (
      process.connection.asks(key) ||
      this.history.loads.some((load) => load.process === process.id && load.key === key && load.endedAt === undefined)
    )
  }

  private lookAtLeases(): void {
    const seen = new Set<string>()
    for (const { key, owner } of this.store.leases(this.time.now + (this.story.store === "client-clock" ? epoch : 0))) {
      const process = this.processes[ownerOf(owner)]!
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

/** The sign by which core knows Cloudflare Workers. */
const platform = globalThis as { WebSocketPair?: unknown }

/** Runs a story and returns its record. One at a time: isolates change the platform that core sees. */
export const simulate = async (story: Story): Promise<History> => {
  if (story.store !== "isolates") return new World(story).run()
  platform.WebSocketPair = class {}
  try {
    return await new World(story).run()
  } finally {
    delete platform.WebSocketPair
  }
}

/**
 * Runs a story: the origin, the store, the processes, and a record of what happened.
 */
import { Codec } from "@cache-locking/core"
import * as Exit from "effect/Exit"
import type { Call, Counts, History, Versioned } from "../story/History.ts"
import { Random } from "../story/Random.ts"
import type { Event, Story } from "../story/Story.ts"
import type { Stores } from "./Adapters.ts"
import { Caller, type Scene } from "./Caller.ts"
import { Origin } from "./Origin.ts"
import { epoch, Process } from "./Process.ts"
import { Requests } from "./Request.ts"
import { Store } from "./Store.ts"
import { Values } from "./Values.ts"
import { VirtualTime } from "./VirtualTime.ts"

/** Milliseconds between checks of the leases. */
const lookEvery = 25

/** Milliseconds after the last event and the last bound in which everything has to end. */
const aftermath = 45_000

/** Milliseconds of two polls of a follower, the longest. */
const twoPolls = 2_500

/** The process of a lease's owner. */
const ownerOf = (owner: string): number => Number(owner.slice(1, owner.indexOf(":")))

const decoder = new TextDecoder()

/** A value as the codec writes it. */
const keptText = /"key":"(.+?)","version":(\d+),"load":(\d+)/

const codec = Codec.json<Versioned>()

class World implements Stores, Scene {
  readonly time = new VirtualTime()
  readonly store = new Store(this.time)
  readonly values: Values
  private readonly processes: ReadonlyArray<Process>
  private readonly callers: ReadonlyArray<Caller>
  readonly story: Story
  /** The time since which a lease of a live process has had no load, by key and owner. */
  private readonly idleLeases = new Map<
    string,
    { readonly key: string; readonly process: number; readonly from: number }
  >()
  readonly history: History = {
    calls: [],
    loads: [],
    changes: [],
    orphans: [],
    kept: [],
    explained: [],
    counts: [],
    faults: [],
    leftFlights: 0
  }
  readonly origin = new Origin(this.time, this.history.loads)
  readonly requests: Requests

  constructor(story: Story) {
    this.story = story
    this.requests = new Requests(story)
    this.values = new Values(this.time, story.lag ?? 0)
    for (const store of [this.store, this.values]) store.onKept = (bytes) => this.keeps(bytes)
    this.processes = Array.from(
      { length: story.processes },
      (_, id) => new Process(id, this.time, this, story, codec, new Random(id + 1))
    )
    this.callers = this.processes.map((process) => new Caller(process, this))
  }

  async run(): Promise<History> {
    for (const event of this.story.events) this.time.after(event.at, () => this.happen(event))
    const end = Math.max(0, ...this.story.events.map(({ at }) => at)) + aftermath
    for (let at = lookEvery; at < end; at += lookEvery) this.time.after(at, () => this.lookAtLeases(), true)
    await this.time.runUntil(end)
    for (const [name] of this.idleLeases) this.endIdle(name)
    for (const process of this.processes) {
      if (process.dead) continue
      for (const key of this.origin.keys) {
        process.run(process.faces.effect.explain(key), (exit) => {
          if (Exit.isSuccess(exit)) this.history.leftFlights += exit.value.waitersHere - this.cutOff(process, key)
        })
      }
    }
    await this.time.runUntil(end + 1_000)
    for (const process of this.processes) if (!process.dead) this.history.counts.push(countsOf(process))
    return this.history
  }

  private keeps(bytes: Uint8Array): void {
    const [, key, version, load] = keptText.exec(decoder.decode(bytes)) ?? []
    if (key !== undefined)
      this.history.kept.push({ key, version: Number(version), load: Number(load), at: this.time.now })
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
      case "get-or-set-many":
      case "refresh":
      case "get":
      case "get-many":
        this.callers[event.process]!.ask(event)
        break
      case "change":
        this.callers[event.process]!.change(event)
        break
      case "explain":
        this.callers[event.process]!.explain(event)
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
        for (const { close } of Object.values(process!.faces)) process!.run(close({ within: event.within }), () => {})
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
        fault(event.for + event.by)
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

  private cut(process: Process, number: number, fault: (millis: number) => void): void {
    const { history, story, time } = this
    const request = this.requests.find(process.id, number)
    if (request === undefined || request.over) return
    request.isCut = true
    const loads = history.loads.filter((load) => load.process === process.id && load.request === number)
    const cut = loads.filter(({ endedAt }) => endedAt === undefined)
    for (const load of cut) Object.assign(load, { endedAt: time.now, end: "cut" })
    const calls = history.calls.filter((call) => call.process === process.id && call.request === number)
    const leads = ({ key, owner }: { readonly key: string; readonly owner: string }): boolean =>
      ownerOf(owner) === process.id && calls.some((call) => call.key === key)
    const asks = calls.some(({ key }) => process.connection.asks(key)) || this.store.leases(time.now).some(leads)
    // A flight that leads is taken for dead after a lease, any other one after two polls.
    fault(cut.length > 0 || asks ? story.settings.leaseTtl : twoPolls)
  }

  /** Loads that others wait for, and leases that are to be given back, end with the request of a call as if it were cut off. */
  requestOver(process: Process, number: number, exit: Exit.Exit<unknown, unknown>): void {
    const { history, story, time } = this
    const left = history.loads.filter(
      (load) => load.process === process.id && load.request === number && load.endedAt === undefined
    )
    for (const load of left) Object.assign(load, { endedAt: time.now, end: "cut" })
    if (left.length === 0 && Exit.isSuccess(exit)) return
    const until = time.now + story.settings.leaseTtl
    history.faults.push({ from: time.now, until, process: process.id, verb: undefined })
  }

  /** The callers of a key whose requests were cut off, so that they can neither wait nor leave. */
  private cutOff(process: Process, key: string): number {
    const isCut = ({ request }: Call) => this.requests.find(process.id, request)?.isCut === true
    const calls = this.history.calls.filter((call) => call.process === process.id && call.key === key)
    return calls.filter((call) => call.endedAt === undefined && isCut(call)).length
  }

  /** The keys of a batch are fetched together, once the store has answered for all of them. */
  private works(process: Process, key: string): boolean {
    const isOpen = (each: { readonly process: number; readonly key: string; readonly endedAt?: number }) =>
      each.process === process.id && each.key === key && each.endedAt === undefined
    const { calls, loads } = this.history
    const { connection } = process
    return (
      connection.asks(key) ||
      loads.some(isOpen) ||
      calls.some((call) => isOpen(call) && call.batch?.some((beside) => connection.asks(beside)))
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

const countsOf = ({ faces: { effect, promise }, id }: Process): Counts => {
  const [one, other] = [effect.stats(), promise.stats()]
  const sum = (name: keyof Omit<Counts, "process">): number => one[name] + other[name]
  return {
    process: id,
    hits: sum("hits"),
    misses: sum("misses"),
    loads: sum("loads"),
    loadFailures: sum("loadFailures"),
    stampedePrevented: sum("stampedePrevented"),
    staleServed: sum("staleServed"),
    fallbacks: sum("fallbacks"),
    unavailable: sum("unavailable"),
    leaseLost: sum("leaseLost"),
    sets: sum("sets"),
    deletes: sum("deletes")
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

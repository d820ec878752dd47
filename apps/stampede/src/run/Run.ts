/**
 * One run of one contender: starts its processes, configures them, gives the start, and closes them. Records all
 * events.
 */
import { setTimeout as pause } from "node:timers/promises"
import type { Policy, Priming, WorkerConfig } from "../ipc/Messages.ts"
import { now } from "../recording/Clock.ts"
import type { Load, ProcessRecord, Recording } from "../recording/Recording.ts"
import type { Scenario } from "../scenarios/Scenario.ts"
import type { Settings } from "../scenarios/Settings.ts"
import type { Attachment, OpenStore } from "../stores/Store.ts"
import { type Contender, withLeases } from "../workers/Contender.ts"
import { type Worker, Workers } from "../workers/Workers.ts"
import { Origin } from "./Origin.ts"

/** Milliseconds between the message to start and the start, so that every process has received it. */
const startDelay = 50

/** Milliseconds beyond its plan after which a run is given up. */
const extraTime = 15_000

/** A value that was set with the shortest lifetime is certainly expired after this. */
const expiry = 20

/** After this time, all sent commands have passed their counter. */
const passing = 30

interface Parts {
  readonly settings: Settings
  readonly scenario: Scenario
  readonly contender: Contender
  readonly store: OpenStore
  /** Keeps the keys of runs apart in the store. */
  readonly prefix: string
  readonly signal: AbortSignal
}

export class Run {
  /** Grows during the run. */
  readonly recording: Recording
  private readonly parts: Parts
  private readonly origin: Origin
  private readonly callers: WorkerConfig["callers"]
  private readonly attachments: Array<Attachment> = []
  /** Kills, deletes and changes that are under way. */
  private readonly interventions: Array<Promise<void>> = []
  private workers!: Workers

  constructor(parts: Parts) {
    const { contender, scenario, settings } = parts
    this.parts = parts
    this.origin = new Origin({
      load: settings.load,
      capacity: settings.capacity,
      failing: scenario.failing === true,
      onLoad: (load) => this.intervene(load)
    })
    this.callers = Array.from({ length: settings.callers }, (_, caller) => ({
      key: caller % settings.keys.length,
      after: scenario.after(caller, settings)
    }))
    this.recording = {
      contender: contender.name,
      title: contender.title,
      keys: settings.keys,
      expected: settings.processes * settings.callers,
      start: undefined,
      end: undefined,
      processes: Array.from(
        { length: settings.processes },
        (_, index): ProcessRecord => ({
          index,
          pid: 0,
          began: [],
          callers: [],
          answered: 0,
          answeredAt: 0,
          killedAt: undefined,
          commands: undefined
        })
      ),
      loads: this.origin.loads,
      observations: [],
      afterwards: [],
      change: undefined,
      problem: undefined
    }
  }

  async execute(): Promise<Recording> {
    const { scenario, settings, signal } = this.parts
    await using workers = new Workers(settings.processes, signal)
    this.workers = workers
    await using attached = new AsyncDisposableStack()
    await workers.mapAlive((worker) => this.prepare(worker, attached))
    if (scenario.primed) await this.prime(scenario.primed(settings))
    for (const attachment of this.attachments) attachment.reset()

    // Every caller may call the origin, and wait until it has room.
    const queue = Math.ceil(this.recording.expected / settings.capacity) * settings.load
    const limit = startDelay + scenario.lasts(settings) + queue + extraTime
    const stampede = this.stampede().then(() => this.settle())
    const late = pause(limit, `not all callers had an answer after ${Math.round(limit / 1000)} s`, { ref: false })
    this.recording.problem = (await workers.unlessFailed(Promise.race([stampede, late]))) ?? undefined
    this.recording.end = now()
    const collected = this.collectCallers()
    await workers.unlessFailed(Promise.race([collected, pause(extraTime, undefined, { ref: false })]))
    await workers.close()
    return this.recording
  }

  private async prepare(worker: Worker, attached: AsyncDisposableStack): Promise<void> {
    const { contender, prefix, scenario, settings, store } = this.parts
    const attachment = attached.use(await store.attach(worker.child))
    const record = this.recording.processes[worker.index]!
    this.attachments[worker.index] = attachment
    this.listen(worker, record)
    const config: WorkerConfig = {
      process: worker.index,
      contender: contender.name,
      store: settings.store,
      address: attachment.address,
      prefix,
      keys: settings.keys,
      callers: this.callers,
      policy: this.policy(),
      near: scenario.near === true && contender === withLeases
    }
    record.pid = (await worker.channel.ask("prepare", config)).pid
  }

  private policy(): Policy {
    const { scenario, settings } = this.parts
    return {
      cacheTtl: 60_000,
      leaseTtl: settings.lease,
      // No caller gives up before the run has ended.
      waitMax: scenario.lasts(settings) + extraTime,
      staleWhileRevalidate: 0,
      cooldown: 100,
      onCooling: "wait",
      beta: 0,
      ...scenario.policy?.(settings)
    }
  }

  private listen({ channel, index }: Worker, record: ProcessRecord): void {
    channel.onAsk("load", ({ key }) => this.origin.load(index, key))
    channel.onTell("began", ({ after, begin }) => {
      for (const caller of this.callers) if (caller.after === after) record.began.push({ key: caller.key, begin })
    })
    channel.onTell("progress", ({ answered, last }) => {
      record.answered = answered
      record.answeredAt = last
    })
    channel.onTell("observed", (observation) => {
      // Preparations before the start are no part of the run.
      if (this.recording.start !== undefined) this.recording.observations.push({ process: index, ...observation })
    })
  }

  /** Puts values into the cache before the start. */
  private async prime(priming: Priming): Promise<void> {
    const { scenario, settings } = this.parts
    await this.put(priming)
    if (!scenario.sets) for (const key of settings.keys) this.origin.update(key)
    if (scenario.near) await this.workers.mapAlive((worker) => worker.channel.ask("warm", undefined))
    await pause(scenario.near ? passing : expiry)
  }

  /** The first process puts the origin's current rows into the cache. */
  private async put(priming: Priming): Promise<void> {
    const { channel } = this.workers.all[0]!
    const values = this.recording.keys.map((key) => ({ key, version: this.origin.version(key), call: 0 }))
    await this.workers.unlessFailed(Promise.all(values.map((value) => channel.ask("prime", { value, priming }))))
  }

  private async change(priming: Priming): Promise<void> {
    if (this.parts.signal.aborted) return
    for (const key of this.recording.keys) this.origin.update(key)
    const counts = this.attachments.map((attachment) => attachment.commands()?.length)
    const before = counts.reduce((sum, n) => (sum === undefined || n === undefined ? undefined : sum + n), 0)
    await this.put(priming)
    this.recording.change = { at: now(), before }
  }

  /** Gives the start, and waits until every caller of a living process has its answer and the origin is idle. */
  private async stampede(): Promise<void> {
    const at = now() + startDelay
    for (const worker of this.workers.all) worker.channel.tell("go", { at })
    this.recording.start = at
    const { scenario, settings, signal } = this.parts
    if (scenario.sets && scenario.primed) {
      const priming = scenario.primed(settings)
      this.interventions.push(pause(startDelay + scenario.sets(settings)).then(() => this.change(priming)))
    }
    const { processes } = this.recording
    const isOn = (): boolean =>
      (this.origin.busy ||
        processes.some(({ answered, killedAt }) => killedAt === undefined && answered < settings.callers)) &&
      this.recording.end === undefined &&
      !signal.aborted
    while (isOn()) await pause(5)
    await Promise.all(this.interventions)
    // A kill at the very end leaves a load behind that another process takes over.
    while (isOn()) await pause(5)
  }

  private async collectCallers(): Promise<void> {
    await this.workers.mapAlive(async (worker) => {
      this.recording.processes[worker.index]!.callers = await worker.channel.ask("callers", undefined)
    })
  }

  /** Everything that the stampede began has ended: counts the commands, and reads the versions in the cache. */
  private async settle(): Promise<undefined> {
    const verbs = new Map<number, ReadonlyArray<string>>()
    await this.workers.mapAlive(async (worker) => {
      verbs.set(worker.index, (await worker.channel.ask("settle", undefined)).verbs)
    })
    await pause(passing)
    for (const record of this.recording.processes) {
      record.commands = this.attachments[record.index]?.commands() ?? verbs.get(record.index)
    }
    const versions = await this.workers.alive[0]?.channel.ask("look", undefined)
    this.recording.afterwards = this.recording.keys.map((key, i) => ({
      version: versions?.[i],
      current: this.origin.version(key)
    }))
    return undefined
  }

  /** Kills or deletes half-way through the load that has just begun, if the scenario says so. */
  private intervene(load: Load): void {
    const { scenario, settings } = this.parts
    const first = load.call === 1
    const halfWay = (f: () => Promise<void> | void) => this.interventions.push(pause(settings.load / 2).then(f))
    if (settings.kill && first) halfWay(() => this.kill(load.process))
    if (scenario.deletes && !this.origin.loads.some(({ call, key }) => key === load.key && call < load.call)) {
      halfWay(() => this.delete(load))
    }
  }

  private kill(process: number): void {
    const at = now()
    this.workers.all[process]!.kill()
    this.recording.processes[process]!.killedAt = at
    this.origin.lose(process, at)
  }

  /** The row changes, and a process that does not load it deletes its key. */
  private async delete({ key, process }: Load): Promise<void> {
    const worker = this.workers.alive.find(({ index }) => index !== process) ?? this.workers.all[process]!
    this.origin.update(key)
    await worker.channel.ask("delete", { key })
  }
}

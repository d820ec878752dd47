/**
 * One run of one contender: processes are started, told what to do, let loose, and seen off;
 * what happened is recorded.
 */
import { setTimeout as pause } from "node:timers/promises"
import type { Orders, Policy, Priming } from "../ipc/Wire.ts"
import { now } from "../recording/Clock.ts"
import type { Load, ProcessRecord, Recording } from "../recording/Recording.ts"
import type { Scenario } from "../scenarios/Scenario.ts"
import type { Settings } from "../scenarios/Settings.ts"
import type { Attachment, OpenStore } from "../stores/Store.ts"
import { type Contender, withLeases } from "../workers/Contender.ts"
import { Crew, type Hand } from "../workers/Crew.ts"
import { Origin } from "./Origin.ts"

/** Between the order to start and the start, so that every process has heard it. */
const headStart = 50

/** How much longer than planned a run may take before it is given up. */
const patience = 15_000

/** A value that was set with the shortest lifetime is certainly expired after this. */
const expiry = 20

/** Commands that were sent have passed their counter after this. */
const passing = 30

interface Parts {
  readonly settings: Settings
  readonly scenario: Scenario
  readonly contender: Contender
  readonly store: OpenStore
  /** Begins the names of the keys in the store, so that no run finds another's. */
  readonly prefix: string
  readonly signal: AbortSignal
}

export class Race {
  /** Grows while the race runs. */
  readonly recording: Recording
  private readonly parts: Parts
  private readonly origin: Origin
  private readonly callers: Orders["callers"]
  private readonly attachments: Array<Attachment> = []
  /** What is to happen half-way through a load, and is waited for. */
  private readonly incidents: Array<Promise<void>> = []
  private crew!: Crew

  constructor(parts: Parts) {
    const { contender, scenario, settings } = parts
    this.parts = parts
    this.origin = new Origin({
      load: settings.load,
      capacity: settings.capacity,
      failing: scenario.failing === true,
      onLoad: (load) => this.begun(load)
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
      sightings: [],
      afterwards: [],
      change: undefined,
      trouble: undefined
    }
  }

  async run(): Promise<Recording> {
    const { scenario, settings, signal } = this.parts
    await using crew = new Crew(settings.processes, signal)
    this.crew = crew
    await using attached = new AsyncDisposableStack()
    await crew.together((hand) => this.prepare(hand, attached))
    if (scenario.primed) await this.prime(crew, scenario.primed(settings))
    for (const attachment of this.attachments) attachment.reset()

    // Every caller may call the origin, and wait until it has room.
    const queue = Math.ceil(this.recording.expected / settings.capacity) * settings.load
    const limit = headStart + scenario.lasts(settings) + queue + patience
    const story = this.stampede(crew).then(() => this.settle(crew))
    const late = pause(limit, `not all callers had an answer after ${Math.round(limit / 1000)} s`, { ref: false })
    this.recording.trouble = (await crew.unlessFailed(Promise.race([story, late]))) ?? undefined
    this.recording.end = now()
    const told = this.told(crew)
    await crew.unlessFailed(Promise.race([told, pause(patience, undefined, { ref: false })]))
    await crew.dismiss()
    return this.recording
  }

  private async prepare(hand: Hand, attached: AsyncDisposableStack): Promise<void> {
    const { contender, prefix, scenario, settings, store } = this.parts
    const attachment = attached.use(await store.attach(hand.child))
    const record = this.recording.processes[hand.index]!
    this.attachments[hand.index] = attachment
    this.listen(hand, record)
    const orders: Orders = {
      process: hand.index,
      contender: contender.name,
      store: settings.store,
      address: attachment.address,
      prefix,
      keys: settings.keys,
      callers: this.callers,
      policy: this.policy(),
      near: scenario.near === true && contender === withLeases
    }
    record.pid = (await hand.channel.ask("prepare", orders)).pid
  }

  private policy(): Policy {
    const { scenario, settings } = this.parts
    return {
      cacheTtl: 60_000,
      leaseTtl: settings.lease,
      // Nobody is to give up before the story is told.
      waitMax: scenario.lasts(settings) + patience,
      staleWhileRevalidate: 0,
      cooldown: 100,
      onCooling: "wait",
      beta: 0,
      ...scenario.policy?.(settings)
    }
  }

  private listen({ channel, index }: Hand, record: ProcessRecord): void {
    channel.onAsk("load", ({ key }) => this.origin.load(index, key))
    channel.onTell("began", ({ after, begin }) => {
      for (const caller of this.callers) if (caller.after === after) record.began.push({ key: caller.key, begin })
    })
    channel.onTell("progress", ({ answered, last }) => {
      record.answered = answered
      record.answeredAt = last
    })
    channel.onTell("saw", (sighting) => {
      // What is done before the start is not part of the story.
      if (this.recording.start !== undefined) this.recording.sightings.push({ process: index, ...sighting })
    })
  }

  /** Puts values there. */
  private async prime(crew: Crew, priming: Priming): Promise<void> {
    const { scenario, settings } = this.parts
    await crew.unlessFailed(this.put(crew.hands[0]!, priming))
    if (!scenario.sets) for (const key of settings.keys) this.origin.update(key)
    if (scenario.near) await crew.together((hand) => hand.channel.ask("warm", undefined))
    await pause(scenario.near ? passing : expiry)
  }

  /** One process puts the origin's rows there, as they are. */
  private async put({ channel }: Hand, priming: Priming): Promise<void> {
    await Promise.all(
      this.parts.settings.keys.map((key) =>
        channel.ask("prime", { value: { key, version: this.origin.version(key), call: 0 }, priming })
      )
    )
  }

  private async change(crew: Crew, priming: Priming): Promise<void> {
    if (this.parts.signal.aborted) return
    for (const key of this.recording.keys) this.origin.update(key)
    const counts = this.attachments.map((attachment) => attachment.commands()?.length)
    const before = counts.reduce((sum, n) => (sum === undefined || n === undefined ? undefined : sum + n), 0)
    await this.put(crew.hands[0]!, priming)
    this.recording.change = { at: now(), before }
  }

  private async stampede(crew: Crew): Promise<void> {
    const at = now() + headStart
    for (const hand of crew.hands) hand.channel.tell("go", { at })
    this.recording.start = at
    const { scenario, settings } = this.parts
    if (scenario.sets && scenario.primed) {
      const priming = scenario.primed(settings)
      this.incidents.push(pause(headStart + scenario.sets(settings)).then(() => this.change(crew, priming)))
    }
    const { processes } = this.recording
    const on = (): boolean =>
      (this.origin.busy ||
        processes.some(({ answered, killedAt }) => killedAt === undefined && answered < this.parts.settings.callers)) &&
      this.recording.end === undefined &&
      !this.parts.signal.aborted
    while (on()) await pause(5)
    await Promise.all(this.incidents)
    // A kill at the very end leaves a load behind that somebody has to take over.
    while (on()) await pause(5)
  }

  /** How the callers fared. */
  private async told(crew: Crew): Promise<void> {
    await crew.together(async (hand) => {
      this.recording.processes[hand.index]!.callers = await hand.channel.ask("callers", undefined)
    })
  }

  /** Everything that the stampede began has ended: count, and look what is left. */
  private async settle(crew: Crew): Promise<undefined> {
    const verbs = new Map<number, ReadonlyArray<string>>()
    await crew.together(async (hand) => {
      verbs.set(hand.index, (await hand.channel.ask("settle", undefined)).verbs)
    })
    await pause(passing)
    for (const record of this.recording.processes) {
      record.commands = this.attachments[record.index]?.commands() ?? verbs.get(record.index)
    }
    const versions = await crew.living[0]?.channel.ask("look", undefined)
    this.recording.afterwards = this.recording.keys.map((key, i) => ({
      version: versions?.[i],
      current: this.origin.version(key)
    }))
    return undefined
  }

  private begun(load: Load): void {
    const { scenario, settings } = this.parts
    const first = load.call === 1
    const halfWay = (f: () => Promise<void> | void) => this.incidents.push(pause(settings.load / 2).then(f))
    if (settings.kill && first) halfWay(() => this.kill(load.process))
    if (scenario.deletes && !this.origin.loads.some(({ call, key }) => key === load.key && call < load.call)) {
      halfWay(() => this.delete(load))
    }
  }

  private kill(process: number): void {
    const at = now()
    this.crew.sacrifice(this.crew.hands[process]!)
    this.recording.processes[process]!.killedAt = at
    this.origin.lose(process, at)
  }

  /** The row changes, and a process that does not load it deletes its key. */
  private async delete({ key, process }: Load): Promise<void> {
    const hand = this.crew.living.find(({ index }) => index !== process) ?? this.crew.hands[process]!
    this.origin.update(key)
    await hand.channel.ask("delete", { key })
  }
}

/**
 * One round: the coordinator starts the processes, plays the schedule, waits until all is calm again, looks at what is left,
 * and closes everything. The result is the record.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { WrongClock } from "@cache-locking/test-servers"
import type { Opened } from "./backends/Backend.ts"
import { now } from "./Clock.ts"
import { type Change, empty, type Fault, type History } from "./History.ts"
import type { ToCoordinator } from "./Messages.ts"
import { Origin } from "./Origin.ts"
import { Place } from "./Place.ts"
import type { Asked, Event, PlaceFault, Plan, ServerFault } from "./Schedule.ts"
import { watchStalls } from "./Stalls.ts"
import { WorkerProcess } from "./WorkerProcess.ts"

export interface RoundOptions {
  readonly backend: string
  readonly opened: Opened
  readonly plan: Plan
  /** See `Start.wrapper`. */
  readonly wrapper?: string | undefined
}

/** Milliseconds for what should end soon, and whose end is only waited for. */
const patience = 30_000

/** Milliseconds after which a lease that nobody works under is given back, when nothing is disturbed. */
const orphanBound = 1_000

const prefixOf = (seed: number): string => `r${seed}-${process.pid}-${Math.round(now())}`

class Round {
  readonly history: History = empty()
  private readonly zero = now()
  private readonly origin = new Origin(this.history, () => this.now)
  private readonly places: Array<Place> = []
  private readonly suffering = new Set<Promise<void>>()
  private readonly prefix: string
  private readonly options: RoundOptions
  private processes = 0
  /** The end of the server's last fault. */
  private server = Promise.resolve()
  private explained: (holders: ReadonlyArray<string | undefined>) => void = () => {}

  constructor(options: RoundOptions) {
    this.options = options
    this.prefix = prefixOf(options.plan.seed)
  }

  private get now(): number {
    return now() - this.zero
  }

  async run(): Promise<History> {
    const { clocks, events, length } = this.options.plan
    const stop = watchStalls((from, until) =>
      this.history.faults.push({
        ...{ kind: "stall", what: "stall of the coordinator", process: undefined },
        ...{ from: from - this.zero, until: until - this.zero }
      })
    )
    try {
      const skewed = clocks.some((error) => error !== 0)
      for (const error of clocks)
        this.places.push(await Place.make(this.options.opened, skewed ? await WrongClock.make() : undefined, error))
      await Promise.all(this.places.map((place) => this.startWorker(place)))
      const began = this.now
      for (const event of events) {
        await sleep(Math.max(0, began + event.at - this.now))
        this.play(event)
      }
      await sleep(Math.max(0, began + length - this.now))
      await this.settle()
      await this.close()
      return this.history
    } finally {
      stop()
      for (const { worker } of this.places) worker?.kill()
      for (const place of this.places) await place[Symbol.asyncDispose]()
    }
  }

  /** Starts a process in a place; completes when it can be asked. */
  private async startWorker(place: Place): Promise<void> {
    const { backend, opened, plan, wrapper } = this.options
    const id = ++this.processes
    const asked = this.now
    const started = Promise.withResolvers<void>()
    const worker: WorkerProcess = new WorkerProcess(
      id,
      place.env,
      (message) => {
        if (message.did !== "start") this.receive(worker, message)
        else if (message.now < asked || message.now > this.now)
          started.reject(new Error("the processes of this machine have no monotonic clock in common"))
        else {
          worker.ready = true
          started.resolve()
        }
      },
      opened.fork
    )
    place.worker = worker
    worker.send({
      do: "start",
      start: {
        ...{ backend, wrapper, url: place.url, prefix: this.prefix, process: id, zero: this.zero },
        ...{ settings: plan.settings, commandTimeout: plan.commandTimeout }
      }
    })
    void worker.gone.then((how) => {
      worker.ready = false
      this.origin.lose(id)
      started.resolve()
      if (worker.ending === undefined || (worker.ending === "closed" && how !== 0))
        this.depart(worker, "exited", `ended with ${how}: ${worker.output}`)
    })
    await started.promise
  }

  private depart(worker: WorkerProcess, how: "exited" | "stayed", message: string): void {
    this.history.departures.push({ process: worker.id, at: this.now, how, message })
  }

  private receive(worker: WorkerProcess, message: ToCoordinator): void {
    switch (message.did) {
      case "ask-origin": {
        const { ask, fails, keys, strayed, takes } = message
        if (strayed) this.history.strays.push({ process: worker.id, keys, at: this.now })
        void this.origin
          .load(worker.id, keys, takes, fails)
          .then((values) => worker.send({ do: "loaded", ask, values }))
        break
      }
      case "call":
        for (const { id, ...ended } of message.ended) Object.assign(this.history.calls[id]!, ended)
        break
      case "change":
        this.origin.changed(message.id, message.at, message.followed)
        break
      case "stall": {
        const { from, until } = message
        this.history.faults.push({
          kind: "stall",
          what: `stall of process ${worker.id}`,
          from,
          until,
          process: worker.id
        })
        break
      }
      case "explain":
        this.explained(message.holders)
    }
  }

  private play(event: Event): void {
    if (!("place" in event)) {
      const { opened } = this.options
      const restart = async (after: number): Promise<void> => {
        await opened.kill()
        await sleep(after)
        await opened.restart()
      }
      const happen = event.do === "server-pause" ? opened.pause : restart
      // A restart may take longer than planned: one after the other.
      this.suffer(event.do, event.for, undefined, () => (this.server = this.server.then(() => happen(event.for))))
      return
    }
    const place = this.places[event.place]!
    const { worker } = place
    if (worker === undefined || !worker.ready) return
    if ("tagged" in event) this.call(worker, event)
    else if (event.do === "change") this.change(worker, event.key, event.by)
    else this.befall(place, worker, event)
  }

  /** Lets a fault befall a place. For others a lease of a killed process lasts until it ends by itself. */
  private befall(place: Place, worker: WorkerProcess, event: Extract<Event, { readonly do: PlaceFault }>): void {
    const { by, do: kind, for: millis } = event
    if (kind !== "kill") this.suffer(kind, millis, worker, () => place.suffer(kind, millis, by))
    else this.suffer(kind, this.options.plan.settings.leaseTtl, worker, () => this.replace(place, millis))
  }

  private change(worker: WorkerProcess, key: string, by: Change["by"]): void {
    const change = this.origin.change(worker.id, key, by)
    if (change !== undefined) worker.send({ do: "change", change })
  }

  private call(worker: WorkerProcess, call: Asked): void {
    const startedAt = this.now
    const ids = (call.do === "getOrSetMany" ? call.keys : [call.key]).map((key) => {
      const { length: id } = this.history.calls
      this.history.calls.push({ id, kind: call.do, process: worker.id, key, startedAt })
      return id
    })
    worker.send({ do: "call", call, ids })
  }

  /** Kills the process of a place, and starts another there after a while. */
  private async replace(place: Place, after: number): Promise<void> {
    place.worker?.kill()
    await place.worker?.gone
    await sleep(after)
    await this.startWorker(place)
  }

  /** Records a fault for as long as it lasts, and for `millis` at least. */
  private suffer(
    kind: PlaceFault | ServerFault,
    millis: number,
    worker: WorkerProcess | undefined,
    happen: () => Promise<void>
  ): void {
    const who = worker === undefined ? "the server" : `process ${worker.id}`
    const from = this.now
    const fault: Fault = { kind, what: `${kind} of ${who}`, from, until: from + millis, process: worker?.id }
    this.history.faults.push(fault)
    const over = happen().then(() => {
      fault.until = Math.max(fault.until, this.now)
      this.suffering.delete(over)
    })
    // `settle` awaits it, and rejects with its failure.
    over.catch(() => {})
    this.suffering.add(over)
  }

  /** Waits until all faults are over and every call is answered, and makes sure that every process works. */
  private async settle(): Promise<void> {
    await Promise.all(this.suffering)
    const { commandTimeout, keys } = this.options.plan
    await sleep(2 * commandTimeout + 500)
    for (const place of this.places.keys()) {
      for (const key of keys)
        this.play({ at: this.now, do: "getOrSet", place, key, takes: 5, fails: false, tagged: false, declines: false })
    }
    const until = this.now + patience
    while (this.now < until && this.isBusy) await sleep(20)
    await sleep(orphanBound)
    await this.lookAtLeases()
  }

  private get isBusy(): boolean {
    const { calls, changes, loads } = this.history
    const living = new Set(this.living.map(({ id }) => id))
    return [...calls, ...changes, ...loads].some((each) => each.endedAt === undefined && living.has(each.process))
  }

  private get living(): ReadonlyArray<WorkerProcess> {
    return this.places.flatMap(({ worker }) => (worker?.ready ? [worker] : []))
  }

  private async lookAtLeases(): Promise<void> {
    const { keys } = this.options.plan
    const [worker] = this.living
    if (worker === undefined) return
    const holders = await new Promise<ReadonlyArray<string | undefined>>((resolve) => {
      this.explained = resolve
      worker.send({ do: "explain", keys })
      void worker.gone.then(() => resolve([]))
    })
    holders.forEach((owner, i) => {
      const process = Number(/^p(\d+):/.exec(owner ?? "")?.[1])
      if (owner === undefined || !this.living.some(({ id }) => id === process)) return
      this.history.orphans.push({ key: keys[i]!, owner, at: this.now })
    })
  }

  /** Closes all caches. Every process must then exit by itself. */
  private async close(): Promise<void> {
    await Promise.all(
      this.living.map(async (worker) => {
        worker.close()
        const late = sleep(patience, "late" as const, { ref: false })
        if ((await Promise.race([worker.gone, late])) !== "late") return
        this.depart(worker, "stayed", `did not exit within ${patience} ms of its close: ${worker.output}`)
      })
    )
  }
}

/** Plays a schedule with real processes, and returns the record. */
export const play = (options: RoundOptions): Promise<History> => new Round(options).run()

/** A caller's process: a cache with all defaults over a real adapter, which calls at a steady pace whatever happens. */
import { setTimeout as sleep } from "node:timers/promises"
import { createCache, isCacheLockingError, type PromiseCache, type Stats } from "@cache-locking/core/promise"
import type { Connection } from "../backends/Backend.ts"
import { backendOf } from "../backends/Backends.ts"
import type { Marked } from "../Messages.ts"
import type { BatchAnswer, BatchLeft, Latencies, Report, Start, ToCaller, ToRun } from "./Messages.ts"

/** Milliseconds after which a call, or a store that is back, counts as unbounded. */
const limit = 90_000

/** Milliseconds that a load takes. */
const loadTakes = 20

const knownKeys: ReadonlyArray<string> = Array.from({ length: 10 }, (_, i) => `known-${i}`)

/** The beginning of the keys that find out whether the store is well again. */
const probes = "probe-"

/** Milliseconds between the order to call and the first call: the condition of a cluster begins meanwhile. */
const notice = 100

/** Milliseconds between calls that find out whether the store is well again. */
const probeEvery = 50

/** Keys that are looked at together. */
const together = 20

/** Milliseconds after it healed in which leases may still be given back. */
const calm = 1_000

const send = (message: ToRun): void => {
  if (process.connected) process.send!({ faults: message } satisfies Marked<ToRun>, undefined, undefined, () => {})
}

let lines = 0
for (const method of ["log", "info", "warn", "error", "debug"] as const) {
  console[method] = () => {
    lines++
  }
}

const unhandled: Array<string> = []
const note = (error: unknown): void => {
  unhandled.push(String(error))
}
process.on("unhandledRejection", note)
process.on("uncaughtException", note)

/** The counters and the kinds of errors, by name; without what is no news. */
const totals = ({ errors, ...counters }: Stats): ReadonlyMap<string, number> => {
  const usual = new Set(["hits", "misses", "hitRate", "loads", "stampedePrevented"])
  const counted = Object.entries({ ...counters, ...errors }).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number" && !usual.has(entry[0])
  )
  return new Map(counted)
}

const difference = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries(
    [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const).filter(([, more]) => more !== 0)
  )

interface Call {
  millis: number | undefined
  answer: string
}

const latencies = (calls: ReadonlyArray<Call>): Latencies => {
  const answers: Record<string, number> = {}
  for (const { answer } of calls) answers[answer] = (answers[answer] ?? 0) + 1
  const times = calls.map(({ millis }) => millis ?? null)
  const slowest = times.includes(null) ? null : Math.max(...(times as ReadonlyArray<number>))
  return { first: times[0] ?? null, last: times.at(-1) ?? null, slowest, answers }
}

class Caller {
  private readonly cache: PromiseCache<string>
  private readonly connection: Connection
  private readonly calls = { new: [] as Array<Call>, known: [] as Array<Call> }
  private readonly untyped = new Set<string>()
  private readonly loading = new Map<string, number>()
  private loads = 0
  private mostAtOnce = 0
  private queued = 0
  private before: ReadonlyMap<string, number> = new Map()
  private calling: Promise<unknown> = Promise.resolve()
  private batched: ReadonlyArray<string> = []

  private constructor(cache: PromiseCache<string>, connection: Connection) {
    this.cache = cache
    this.connection = connection
  }

  /** Completes when the store answers, and the known keys are in it. */
  static async start({ backend, onAdapterError, prefix, url }: Start): Promise<Caller> {
    const connection = await (await backendOf(backend)).connect(url, { prefix, client: "documented" })
    const cache = createCache<string>({ adapter: connection.adapter, name: prefix, onAdapterError })
    const caller = new Caller(cache, connection)
    for (let round = 0; round < 2; round++) {
      for (const key of knownKeys) {
        const { answer } = await caller.ask(key)
        if (answer !== (round === 0 ? "MISS-LEADER" : "HIT")) throw new Error(`before anything happened: ${answer}`)
      }
    }
    caller.loads = 0
    caller.mostAtOnce = 0
    caller.before = totals(cache.stats())
    return caller
  }

  private readonly load = async (key: string): Promise<string> => {
    const now = (this.loading.get(key) ?? 0) + 1
    this.loading.set(key, now)
    if (!key.startsWith(probes)) {
      this.loads++
      this.mostAtOnce = Math.max(this.mostAtOnce, now)
    }
    await sleep(loadTakes)
    this.loading.set(key, this.loading.get(key)! - 1)
    return `value of ${key}`
  }

  private async ask(key: string): Promise<{ readonly answer: string; readonly cached: boolean }> {
    try {
      const { meta } = await this.cache.getOrSetWithMeta(key, () => this.load(key))
      const cached = meta.uncached === undefined && meta.cache !== "STALE"
      return { answer: meta.uncached === undefined ? meta.cache : `${meta.cache} (${meta.uncached})`, cached }
    } catch (error) {
      if (isCacheLockingError(error)) return { answer: error._tag, cached: false }
      this.untyped.add(String(error))
      return { answer: "untyped error", cached: false }
    }
  }

  private async timed(key: string, calls: Array<Call>): Promise<void> {
    const call: Call = { millis: undefined, answer: "no answer" }
    calls.push(call)
    const began = performance.now()
    const asked = this.ask(key).then(({ answer }) => {
      call.millis = performance.now() - began
      call.answer = answer
    })
    await Promise.race([asked, sleep(limit, undefined, { ref: false })])
  }

  call(count: number, every: number): void {
    const look = setInterval(() => {
      this.queued = Math.max(this.queued, this.connection.queued?.() ?? 0)
    }, 10)
    const run = async (): Promise<void> => {
      const all: Array<Promise<void>> = []
      const began = performance.now() + notice
      for (let i = 0; i < count; i++) {
        await sleep(Math.max(0, began + i * every - performance.now()))
        all.push(this.timed(`new-${i}`, this.calls.new))
        all.push(this.timed(knownKeys[i % knownKeys.length]!, this.calls.known))
      }
      await Promise.all(all)
      clearInterval(look)
    }
    this.calling = run()
  }

  /** Milliseconds until an answer shows that the store is well. */
  private async healing(): Promise<number | null> {
    const began = performance.now()
    return new Promise((resolve) => {
      let probed = 0
      const finish = (answer: number | null): void => {
        clearInterval(timer)
        resolve(answer)
      }
      const probe = (): void => {
        if (performance.now() - began > limit) finish(null)
        else void this.ask(`${probes}${probed++}`).then(({ cached }) => cached && finish(performance.now() - began))
      }
      const timer = setInterval(probe, probeEvery)
      probe()
    })
  }

  /** Counts keys with something in the store, few at a time; `null` where the store does not say. */
  private async count(
    keys: ReadonlyArray<string>,
    found: (some: ReadonlyArray<string>) => Promise<number>
  ): Promise<number | null> {
    let sum = 0
    for (let at = 0; at < keys.length; at += together) {
      const some = await found(keys.slice(at, at + together)).catch(() => undefined)
      if (some === undefined) return null
      sum += some
    }
    return sum
  }

  /** The leases of keys that nobody here loads. */
  private leases(keys: ReadonlyArray<string>): Promise<number | null> {
    const isHeld = async (key: string): Promise<boolean> => {
      const { holder, leaseEndsIn = 0 } = await this.cache.explain(key)
      return holder !== undefined && leaseEndsIn > 0 && (this.loading.get(key) ?? 0) === 0
    }
    return this.count(keys, async (some) => (await Promise.all(some.map(isHeld))).filter((held) => held).length)
  }

  async back(): Promise<void> {
    const healed = await this.healing()
    await this.calling
    if (healed !== null) await sleep(calm)
    const keys = [...this.calls.new.map((_, i) => `new-${i}`), ...knownKeys]
    const leases = healed === null ? null : await this.leases(keys)
    const report: Report = {
      new: latencies(this.calls.new),
      known: latencies(this.calls.known),
      loads: this.loads,
      mostAtOnce: this.mostAtOnce,
      told: difference(this.before, totals(this.cache.stats())),
      lines,
      queued: this.connection.queued === undefined ? null : this.queued,
      healed,
      leases,
      unanswered: [...this.calls.new, ...this.calls.known].filter(({ millis }) => millis === undefined).length,
      untyped: [...this.untyped],
      unhandled
    }
    send({ did: "report", report })
  }

  async batch(keys: number): Promise<BatchAnswer> {
    this.batched = Array.from({ length: keys }, (_, i) => `batch-${i}`)
    let loads = 0
    const fetchMany = async (missing: ReadonlyArray<string>): Promise<Map<string, string>> => {
      loads += missing.length
      await sleep(loadTakes)
      return new Map(missing.map((key) => [key, `value of ${key}`]))
    }
    const began = performance.now()
    const answered = this.cache.getOrSetMany(this.batched, fetchMany).then(
      ({ size }) => size,
      (error: unknown) => {
        if (isCacheLockingError(error)) return error._tag
        this.untyped.add(String(error))
        return "untyped error"
      }
    )
    const answer = await Promise.race([answered, sleep(limit, undefined, { ref: false })])
    return {
      took: answer === undefined ? null : performance.now() - began,
      ...{ answer: answer ?? "no answer", loads, untyped: [...this.untyped] },
      told: difference(this.before, totals(this.cache.stats()))
    }
  }

  async look(): Promise<BatchLeft> {
    await sleep(calm)
    const kept = await this.count(this.batched, async (some) => (await this.cache.getMany(some)).size)
    return { kept, leases: await this.leases(this.batched), unhandled }
  }

  async close(): Promise<void> {
    await this.cache.close()
    await this.connection.close()
    process.disconnect()
  }
}

let caller: Caller | undefined
let closing = false
// Nothing outlives the run.
process.on("disconnect", () => closing || process.exit())
process.on("message", async (received) => {
  const message = (received as Partial<Marked<ToCaller>>).faults
  switch (message?.do) {
    case "start":
      caller = await Caller.start(message.start).catch((error) => {
        process.stderr.write(`${error}\n`)
        process.exit(1)
      })
      return send({ did: "start" })
    case "call":
      caller!.call(message.calls, message.every)
      return send({ did: "call" })
    case "back":
      return caller!.back()
    case "batch":
      return send({ did: "batch", batch: await caller!.batch(message.keys) })
    case "look":
      return send({ did: "look", left: await caller!.look() })
    case "close":
      closing = true
      return caller!.close()
  }
})

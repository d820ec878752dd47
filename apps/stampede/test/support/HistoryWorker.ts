/** One process of a history: it reads, loads, writes and invalidates at random, and records every violation. */
import { setTimeout as pause } from "node:timers/promises"
import { type Adapter, Tiered } from "@cache-locking/core"
import { type Answer, createCache, type ListingPromiseCache } from "@cache-locking/core/promise"
import * as Effect from "effect/Effect"
import { Channel } from "../../src/ipc/Channel.ts"
import type { Connection } from "../../src/stores/Store.ts"
import { store } from "../../src/stores/Stores.ts"
import {
  type Change,
  groupOf,
  groups,
  keys,
  keysOf,
  type Start,
  type ToOrigin,
  type ToWorker
} from "./HistoryMessages.ts"

interface Row {
  readonly key: string
  readonly version: number
}

const loops = 6
/** No operation may take longer, even if a process is killed. */
const longestWait = 10_000

const channel = new Channel<ToOrigin, ToWorker>(process)

/** A small random number generator. A seed fixes the operations, though not the order in which they meet. */
const randomBelow = (seed: number) => {
  let state = seed * 2654435761
  return (below: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

class Worker {
  readonly connection: Connection
  readonly cache: ListingPromiseCache<Row>
  private readonly random: (below: number) => number
  private readonly near: boolean
  private stopped = false
  private readonly own = new Map<string, number>()
  private readonly wrong: Array<string> = []
  private readonly part = { hits: 0, waits: 0 }

  constructor({ near, seed }: Start, connection: Connection) {
    this.connection = connection
    this.near = near
    this.random = randomBelow(seed)
    const adapter: Adapter = near
      ? Tiered.make([{ maxEntries: 100, ttl: "2 seconds" }, connection.adapter])
      : connection.adapter
    this.cache = createCache<Row>({
      adapter,
      cacheTtl: 30 + this.random(200),
      staleWhileRevalidate: this.random(2) * 300,
      earlyRefresh: { beta: 1 },
      leaseTtl: 400,
      waitMax: 300,
      cooldown: 20,
      tags: (key) => [groupOf(key)]
    }) as ListingPromiseCache<Row>
  }

  async run() {
    channel.onTell("stop", () => {
      this.stopped = true
    })
    await Promise.all(Array.from({ length: loops }, () => this.loop()))
    return { ...this.part, wrong: this.wrong }
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      const choice = this.random(20)
      const step =
        choice < 3 ? this.change() : choice < 8 ? this.get() : choice < 10 ? this.refresh() : this.ask(choice > 17)
      const late = new AbortController()
      const patient = pause(longestWait, "late", { signal: late.signal }).catch(() => "in time")
      if ((await Promise.race([step, patient])) === "late") this.wrong.push(`waited longer than ${longestWait} ms`)
      late.abort()
      await pause(this.random(15))
    }
  }

  private pick = <A>(of: ReadonlyArray<A>): A => of[this.random(of.length)]!

  /** Loads from the origin. The value is as old as the answer took. */
  private readonly load = async (wanted: ReadonlyArray<string>): Promise<Array<Row>> => {
    const versions = await channel.ask("read", wanted)
    await pause(this.random(60))
    if (this.random(15) === 0) throw new Error("the origin is down")
    return wanted.map((key) => ({ key, version: versions[key]! }))
  }

  private readonly one = async (key: string): Promise<Row> => (await this.load([key]))[0]!

  /** Reads past all flights: a cached value must not be older than what every cache knows. */
  private async get(): Promise<void> {
    const key = this.pick(keys)
    const own = this.own.get(key) ?? 0
    const floor = (await channel.ask("floors", [key]))[key]!
    const found = await this.cache.get(key).catch(() => undefined)
    if (found === undefined) return
    this.check("get", found, Math.max(own, this.near ? floor.before : floor.now))
  }

  private async ask(batch: boolean): Promise<void> {
    const wanted = batch ? keysOf(this.pick(groups)) : [this.pick(keys)]
    const own = wanted.map((key) => this.own.get(key) ?? 0)
    const floors = await channel.ask("floors", wanted)
    if (batch) {
      const found = await this.cache
        .getOrSetMany(wanted, async (missing) => await this.rows(missing))
        .catch(() => undefined)
      wanted.forEach((key, i) => {
        const row = found?.get(key)
        if (row !== undefined) this.check("getOrSetMany", row, own[i]!)
      })
      return
    }
    const [key] = wanted as [string]
    const answer = await this.cache.getOrSetWithMeta(key, () => this.one(key)).catch(() => undefined)
    if (answer !== undefined) this.note("getOrSet", answer, own[0]!, floors[key]!.before)
  }

  private async rows(wanted: ReadonlyArray<string>): Promise<Array<readonly [string, Row]>> {
    return (await this.load(wanted)).map((row) => [row.key, row] as const)
  }

  private async refresh(): Promise<void> {
    const key = this.pick(keys)
    const own = this.own.get(key) ?? 0
    const answer = await this.cache.refresh(key, () => this.one(key)).catch(() => undefined)
    if (answer !== undefined) this.note("refresh", answer, own, 0)
  }

  private note(verb: string, { meta, value }: Answer<Row>, own: number, before: number): void {
    if (meta.cache === "HIT") this.part.hits++
    if (meta.cache.startsWith("MISS-FOLLOWER")) this.part.waits++
    this.check(`${verb} (${meta.cache})`, value, Math.max(own, meta.cache === "HIT" ? before : 0))
  }

  private check(verb: string, { key, version }: Row, floor: number): void {
    if (version < floor) this.wrong.push(`${verb} gave ${key} of version ${version}, ${floor} is known`)
  }

  /** Changes rows at the origin, then makes the cache forget them in one of its ways. */
  private async change(): Promise<void> {
    const group = this.pick(groups)
    const ways: ReadonlyArray<readonly [ReadonlyArray<string>, (change: Change) => Promise<unknown>]> = [
      [[`${group}:0`], () => this.cache.delete(`${group}:0`)],
      [keysOf(group), () => this.cache.deleteMany(keysOf(group))],
      [keysOf(group), () => this.cache.invalidateTag(group)],
      [
        [`${group}:1`],
        ({ versions }) => this.cache.set(`${group}:1`, { key: `${group}:1`, version: versions[`${group}:1`]! })
      ],
      ...(this.connection.adapter.keys === undefined
        ? []
        : [[keysOf(group), () => this.cache.invalidateWhere({ prefix: `${group}:` })] as const])
    ]
    const [wanted, invalidate] = this.pick(ways)
    const change = await channel.ask("change", wanted)
    const known = await invalidate(change).then(
      () => true,
      () => false
    )
    if (known) {
      for (const [key, version] of Object.entries(change.versions)) {
        this.own.set(key, Math.max(version, this.own.get(key) ?? 0))
      }
    }
    await channel.ask("changed", { change, known })
  }

  /** Reads what is left in the store. */
  readonly look = () =>
    Promise.all(
      keys.map(async (key) => {
        const found = await this.cache.get(key)
        const { lease } = await Effect.runPromise(this.connection.adapter.read(key))
        return { version: found?.version, leased: lease !== undefined }
      })
    )
}

let worker: Worker | undefined
channel.onAsk("run", async (start) => {
  const connection = await store(start.store).connect(start.address, start.prefix)
  worker = new Worker(start, connection)
  return worker.run()
})
channel.onAsk("look", () => worker!.look())
channel.onAsk("close", async () => {
  await worker?.cache.close()
  await worker?.connection.close?.()
  return undefined
})
process.on("disconnect", () => process.exit())

/** A worker process: a cache of the public promise API over a real adapter, which does what the coordinator says. */
import { AsyncLocalStorage } from "node:async_hooks"
import { createCache, type PromiseCache } from "@cache-locking/core/promise"
import { backendOf } from "./backends/Backends.ts"
import { now } from "./Clock.ts"
import type { Call, Change, Versioned } from "./History.ts"
import type { Ended, Marked, Start, ToCoordinator, ToWorker } from "./Messages.ts"
import type { Asked } from "./Schedule.ts"
import { watchStalls } from "./Stalls.ts"

const send = (message: ToCoordinator): void => {
  // Nothing reaches a coordinator that is gone, and that is no error.
  if (process.connected)
    process.send!({ faults: message } satisfies Marked<ToCoordinator>, undefined, undefined, () => {})
}

/** The origin failed. */
class OriginFailed extends Error {
  override readonly name = "OriginFailed"
}

export const tagOf = (key: string): string => `tag-of-${key}`

const failureOf = (error: unknown): NonNullable<Call["error"]> => {
  const { _tag, message, name } = Object(error) as { readonly [field: string]: unknown }
  return { name: String(_tag ?? name ?? "unknown"), message: String(message ?? error) }
}

/** The call that the running code is part of, as a user's request would be. */
const caller = new AsyncLocalStorage<number>()

class Worker {
  private readonly cache: PromiseCache<Versioned>
  private readonly disconnect: () => Promise<unknown>
  private readonly zero: number
  private readonly answers = new Map<number, (values: ReadonlyArray<Versioned> | undefined) => void>()
  private asked = 0

  private constructor(cache: PromiseCache<Versioned>, disconnect: () => Promise<unknown>, zero: number) {
    this.cache = cache
    this.disconnect = disconnect
    this.zero = zero
  }

  static async start({
    backend,
    commandTimeout,
    process,
    settings,
    url,
    wrapper,
    zero,
    prefix
  }: Start): Promise<Worker> {
    const { adapter, close } = await (await backendOf(backend)).connect(url, {
      prefix,
      commandTimeout,
      client: "hasty"
    })
    const wrap = wrapper === undefined ? (same: typeof adapter) => same : (await import(wrapper)).default
    const cache = createCache<Versioned>({
      ...settings,
      adapter: wrap(adapter),
      ownerId: `p${process}`,
      tags: (_, { key }) => [tagOf(key)]
    })
    const worker = new Worker(cache, close, zero)
    watchStalls((from, until) => send({ did: "stall", from: from - zero, until: until - zero }))
    return worker
  }

  get now(): number {
    return now() - this.zero
  }

  /** Loads from the origin, which is the coordinator, for a call whose fetcher asks. */
  private load(keys: ReadonlyArray<string>, { fails, takes }: Asked, id: number): Promise<ReadonlyArray<Versioned>> {
    const strayed = caller.getStore() !== id
    return new Promise((resolve, reject) => {
      const ask = ++this.asked
      this.answers.set(ask, (values) =>
        values === undefined ? reject(new OriginFailed("the origin failed")) : resolve(values)
      )
      send({ did: "ask-origin", ask, keys, takes, fails, strayed })
    })
  }

  loaded(ask: number, values: ReadonlyArray<Versioned> | undefined): void {
    this.answers.get(ask)?.(values)
    this.answers.delete(ask)
  }

  async call(call: Asked, ids: ReadonlyArray<number>): Promise<void> {
    const startedAt = this.now
    let answers: ReadonlyArray<Pick<Ended, "value" | "meta" | "error">>
    try {
      const [id] = ids
      answers = await caller.run(id!, () => this.answersOf(call, id!))
    } catch (error) {
      answers = ids.map(() => ({ error: failureOf(error) }))
    }
    const endedAt = this.now
    send({ did: "call", ended: ids.map((id, i) => ({ id, startedAt, endedAt, ...answers[i] })) })
  }

  private async answersOf(call: Asked, id: number): Promise<ReadonlyArray<Pick<Ended, "value" | "meta">>> {
    const { cache } = this
    const kept = call.declines ? { shouldCache: () => false } : {}
    if (call.do === "getOrSetMany") {
      const fetchMany = async (missing: ReadonlyArray<string>) =>
        (await this.load(missing, call, id)).map((value, i) => [missing[i]!, value] as const)
      const values = await cache.getOrSetMany(call.keys, fetchMany, kept)
      return call.keys.map((key) => valueIn(values.get(key)))
    }
    const { key } = call
    if (call.do === "get") return [valueIn(await cache.get(key))]
    const fetcher = async (): Promise<Versioned> => (await this.load([key], call, id))[0]!
    const options = call.tagged ? { ...kept, tags: [tagOf(key)] } : kept
    const { meta, value } =
      call.do === "refresh"
        ? await cache.refresh(key, fetcher, options)
        : await cache.getOrSetWithMeta(key, fetcher, options)
    const { cache: outcome, uncached } = meta
    return [{ value, meta: { cache: outcome, uncached } }]
  }

  async change({ by, id, key, version }: Pick<Change, "id" | "by" | "key" | "version">): Promise<void> {
    const { cache } = this
    const following =
      by === "delete"
        ? cache.delete(key)
        : by === "tag"
          ? cache.invalidateTag(tagOf(key))
          : cache.set(key, { key, version, load: 0 })
    const followed = await following.then(
      () => true,
      () => false
    )
    send({ did: "change", id, at: this.now, followed })
  }

  async explain(keys: ReadonlyArray<string>): Promise<void> {
    const holders = await Promise.all(
      keys.map((key) =>
        this.cache.explain(key).then(
          ({ holder }) => holder,
          () => undefined
        )
      )
    )
    send({ did: "explain", holders })
  }

  /** Ends everything that it knows of. The process then has nothing left to do, and exits by itself. */
  async close(): Promise<void> {
    await this.cache.close()
    await this.disconnect()
    process.disconnect()
  }
}

const valueIn = (value: Versioned | undefined): Pick<Ended, "value"> => (value === undefined ? {} : { value })

/** Nothing else runs meanwhile. */
const block = (millis: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)
}

let worker: Worker | undefined
let starting: Promise<Worker> | undefined
let closing = false
// Nothing outlives the coordinator. A worker that was closed shows that it exits by itself.
process.on("disconnect", () => closing || process.exit())
process.on("message", async (received) => {
  const message = (received as Partial<Marked<ToWorker>>).faults
  switch (message?.do) {
    case "start":
      starting = Worker.start(message.start)
      worker = await starting
      return send({ did: "start", now: worker.now })
    case "call":
      return worker!.call(message.call, message.ids)
    case "change":
      return worker!.change(message.change)
    case "loaded":
      return worker!.loaded(message.ask, message.values)
    case "block":
      return block(message.for)
    case "explain":
      return worker!.explain(message.keys)
    case "close":
      closing = true
      // On a busy machine the round may be over before a process that took another's place has started.
      return (await starting)!.close()
  }
})

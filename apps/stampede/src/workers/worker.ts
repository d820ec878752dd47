/**
 * One process of the stampede: it carries out its parent's requests, and exits when its parent does.
 */
import { setTimeout as pause } from "node:timers/promises"
import { Tiered } from "@cache-locking/core"
import { createCache, type PromiseCache } from "@cache-locking/core/promise"
import { Channel } from "../ipc/Channel.ts"
import type { OriginValue, ParentChannel, WorkerConfig } from "../ipc/Messages.ts"
import type { CallerRecord } from "../recording/Recording.ts"
import type { Connection } from "../stores/Store.ts"
import { store } from "../stores/Stores.ts"
import * as Callers from "./Callers.ts"
import { contender, contenders, type Get } from "./Contender.ts"
import { RecordingAdapter } from "./RecordingAdapter.ts"

const warmUps = { rounds: 10, callers: 100 }

const nearTier = { maxEntries: 1_000, ttl: "1 minute" } as const

/** Rounds in which a near tier may still ask the store for a value before it has to have it. */
const warmRounds = 500

/** The state of a worker once it is prepared. */
interface Prepared {
  readonly config: WorkerConfig
  readonly connection: Connection
  readonly recorder: RecordingAdapter
  readonly cache: PromiseCache<OriginValue>
  readonly get: Get
  readonly records: Array<CallerRecord>
}

const prepare = async (config: WorkerConfig, channel: ParentChannel): Promise<Prepared> => {
  const { beta, ...policy } = config.policy
  const connection = await store(config.store).connect(config.address, config.prefix)
  const recorder = new RecordingAdapter(connection.adapter, (observation) => {
    if (config.keys.includes(observation.key)) channel.tell("observed", observation)
  })
  const cache = createCache<OriginValue>({
    adapter: config.near ? Tiered.make([nearTier, recorder.adapter]) : recorder.adapter,
    ...policy,
    earlyRefresh: { beta },
    ownerId: `process-${config.process + 1}`
  })
  const load = async (key: string): Promise<OriginValue> => {
    const answer = await channel.ask("load", { key })
    if (!answer.ok) throw new Callers.OriginDown(answer.message)
    return answer.value
  }
  await warmUp(config, cache)
  return { config, connection, recorder, cache, get: contender(config.contender).make(cache, load), records: [] }
}

/** A server that has run for a while has compiled this code and opened its connections. */
const warmUp = async ({ process }: WorkerConfig, cache: PromiseCache<OriginValue>): Promise<void> => {
  for (const { make, name } of contenders) {
    const get = make(cache, async (key) => ({ key, version: 0, call: 0 }))
    for (let round = 0; round < warmUps.rounds; round++) {
      const key = `warm-up:${process}:${name}:${round}`
      // Each caller for itself would be a stampede of its own.
      const callers = name === "naive" ? 2 : warmUps.callers
      await Promise.all(Array.from({ length: callers }, () => get(key)))
      await cache.delete(key)
    }
  }
}

const serve = (channel: ParentChannel): void => {
  let preparing: Promise<Prepared> | undefined
  const prepared = (): Promise<Prepared> => preparing ?? Promise.reject(new Error("the worker was not prepared"))

  channel.onAsk("prepare", async (config) => {
    preparing = prepare(config, channel)
    await preparing
    return { pid: process.pid }
  })
  channel.onTell("go", async ({ at }) => {
    const { config, get, records } = await prepared()
    await Callers.run(config, at, get, channel, records)
  })
  channel.onAsk("prime", async ({ priming: { fresh, stale, took }, value }) => {
    const { cache } = await prepared()
    const lifetime = { cacheTtl: fresh, staleWhileRevalidate: stale }
    if (took === 0) await cache.set(value.key, value, lifetime)
    else await cache.getOrSet(value.key, () => pause(took, value), lifetime)
    return undefined
  })
  channel.onAsk("warm", async () => {
    const { config, get, recorder } = await prepared()
    for (let round = 0; round < warmRounds; round++) {
      const before = recorder.verbs.length
      await Promise.all(config.keys.map(get))
      if (!config.near || recorder.verbs.length === before) break
      await pause(2)
    }
    return undefined
  })
  channel.onAsk("delete", async ({ key }) => {
    const { cache } = await prepared()
    await cache.delete(key)
    return undefined
  })
  channel.onAsk("settle", async () => {
    const { recorder } = await prepared()
    await recorder.settled()
    return { verbs: recorder.verbs }
  })
  channel.onAsk("callers", async () => (await prepared()).records)
  channel.onAsk("look", async () => {
    const { cache, config } = await prepared()
    return Promise.all(config.keys.map(async (key) => (await cache.get(key))?.version))
  })
  channel.onAsk("close", async () => {
    const { cache, connection } = await prepared()
    await cache.close()
    await connection.close?.()
    return undefined
  })
}

// Ctrl-C reaches the whole process group; the parent decides when this process ends.
process.on("SIGINT", () => {})
process.on("disconnect", () => process.exit())
serve(new Channel(process))

/**
 * One process of the stampede: it does what its parent says, and ends when its parent does.
 */
import { setTimeout as pause } from "node:timers/promises"
import { Tiered } from "@cache-locking/core"
import { createCache, type PromiseCache } from "@cache-locking/core/promise"
import { Channel } from "../ipc/Channel.ts"
import type { Orders, OriginValue, ParentChannel, Policy } from "../ipc/Wire.ts"
import type { CallerRecord } from "../recording/Recording.ts"
import type { Connection } from "../stores/Store.ts"
import { store } from "../stores/Stores.ts"
import * as Callers from "./Callers.ts"
import { contender, contenders, type Get } from "./Contender.ts"
import { Witness } from "./Witness.ts"

const warmUps = { rounds: 10, callers: 100 }

/** The near tier, and how often a value may be asked for before it has to be there. */
const near = { maxEntries: 1_000, ttl: "1 minute" } as const
const warmings = 500

/** What there is once the orders have come. */
interface Post {
  readonly orders: Orders
  readonly connection: Connection
  readonly witness: Witness
  readonly cache: PromiseCache<OriginValue>
  readonly get: Get
  readonly records: Array<CallerRecord>
}

const optionsOf = (
  { beta, cacheTtl, cooldown, leaseTtl, onCooling, staleWhileRevalidate, waitMax }: Policy,
  process: number
) => ({
  cacheTtl,
  cooldown,
  earlyRefresh: { beta },
  leaseTtl,
  onCooling,
  staleWhileRevalidate,
  waitMax,
  ownerId: `process-${process + 1}`
})

const prepare = async (orders: Orders, channel: ParentChannel): Promise<Post> => {
  const connection = await store(orders.store).connect(orders.address, orders.prefix)
  const witness = new Witness(connection.adapter, (sighting) => {
    if (orders.keys.includes(sighting.key)) channel.tell("saw", sighting)
  })
  const adapter = orders.near ? Tiered.make([near, witness.adapter]) : witness.adapter
  const cache = createCache<OriginValue>({ adapter, ...optionsOf(orders.policy, orders.process) })
  const load = async (key: string): Promise<OriginValue> => {
    const answered = await channel.ask("load", { key })
    if (!answered.ok) throw new Callers.OriginDown(answered.message)
    return answered.value
  }
  await warmUp(orders, cache)
  return {
    orders,
    connection,
    witness,
    cache,
    get: contender(orders.contender).make(cache, load),
    records: []
  }
}

/** A server that has run for a while has been through this code, and has its connections and scripts. */
const warmUp = async ({ process }: Orders, cache: PromiseCache<OriginValue>): Promise<void> => {
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
  let post: Promise<Post> | undefined
  const here = (): Promise<Post> => post ?? Promise.reject(new Error("no orders have come"))

  channel.onAsk("prepare", async (orders) => {
    post = prepare(orders, channel)
    await post
    return { pid: process.pid }
  })
  channel.onTell("go", async ({ at }) => {
    const { get, orders, records } = await here()
    await Callers.run(orders, at, get, channel, records)
  })
  channel.onAsk("prime", async ({ priming: { fresh, stale, took }, value }) => {
    const { cache } = await here()
    const lifetime = { cacheTtl: fresh, staleWhileRevalidate: stale }
    if (took === 0) await cache.set(value.key, value, lifetime)
    else await cache.getOrSet(value.key, () => pause(took, value), lifetime)
    return undefined
  })
  channel.onAsk("warm", async () => {
    const { get, orders, witness } = await here()
    for (let round = 0; round < warmings; round++) {
      const asked = witness.verbs.length
      await Promise.all(orders.keys.map(get))
      if (!orders.near || witness.verbs.length === asked) break
      await pause(2)
    }
    return undefined
  })
  channel.onAsk("delete", async ({ key }) => {
    const { cache } = await here()
    await cache.delete(key)
    return undefined
  })
  channel.onAsk("settle", async () => {
    const { witness } = await here()
    await witness.settled()
    return { verbs: witness.verbs }
  })
  channel.onAsk("callers", async () => (await here()).records)
  channel.onAsk("look", async () => {
    const { cache, orders } = await here()
    return Promise.all(orders.keys.map(async (key) => (await cache.get(key))?.version))
  })
  channel.onAsk("close", async () => {
    const { cache, connection } = await here()
    await cache.close()
    await connection.close?.()
    return undefined
  })
}

// Ctrl-C reaches the whole group of processes; the parent decides when this one ends.
process.on("SIGINT", () => {})
process.on("disconnect", () => process.exit())
serve(new Channel(process))

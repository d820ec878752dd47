/** Many at once, over connections of their own: however often, one wins. */
import type { Token } from "@cache-locking/core"
import { type MongoDb, Unavailable } from "@cache-locking/test-servers"
import type * as Effect from "effect/Effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { MongoDbAdapter } from "../src/index.ts"
import { startContenders } from "./fixtures/Contenders.ts"
import {
  ask,
  clientOf,
  collectionName,
  lead,
  lifetime,
  minute,
  run,
  sleep,
  startServer,
  text,
  value
} from "./fixtures/Support.ts"

const rounds = 200
const database = "races"

let server: MongoDb | Unavailable
beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => {
  if (!(server instanceof Unavailable)) await server?.stop()
})
beforeEach((context) => {
  if (server instanceof Unavailable) context.skip(server.message)
})

const url = () => (server as MongoDb).url

/** Adapters with clients of their own, as processes would have, with the index that a cache has. */
const peers = async (many: number) => {
  const collection = collectionName()
  const clients = Array.from({ length: many }, () => clientOf(url()))
  await run(MongoDbAdapter.setup({ client: clients[0]!, database, collection }))
  return clients.map((client) => MongoDbAdapter.make({ client, database, collection, commandTimeout: 20_000 }))
}

const rounded = async (round: (index: number) => Promise<void>, atOnce = 4) => {
  let next = 0
  const worker = async () => {
    while (next < rounds) await round(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  expect(next).toBe(rounds)
}

describe(`${rounds} rounds`, () => {
  it("of fifty that ask for one key: one leads", async () => {
    const adapters = await peers(5)
    await rounded(async (round) => {
      const asked = Array.from({ length: 50 }, (_, i) => adapters[i % 5]!.acquire(`k${round}`, ask(`o${i}`)))
      const found = await Promise.all(asked.map((one) => run(one)))
      expect(found.filter(({ _tag }) => _tag === "Leader")).toHaveLength(1)
      expect(found.filter(({ _tag }) => _tag === "Follower")).toHaveLength(49)
    }, 2)
  })

  it("of a fill against a delete: what was filled first is gone, what came after it is refused", async () => {
    const [filler, deleter] = await peers(2)
    const outcomes = new Map<string, number>()
    await rounded(async (round) => {
      const key = `k${round}`
      const { token } = await lead(filler!, key)
      const fill = filler!.fill(key, { token, value: value(1), lifetime: lifetime(minute) })
      // Either way round: who is first to be sent is not always first to arrive.
      const verbs: ReadonlyArray<Effect.Effect<boolean, unknown>> =
        round % 2 === 0 ? [fill, deleter!.delete(key)] : [deleter!.delete(key), fill]
      const answers = await Promise.all(verbs.map((verb) => run(verb as Effect.Effect<boolean>)))
      const [filled, deleted] = round % 2 === 0 ? answers : answers.toReversed()
      // A fill that was before the delete is what the delete found; one after it found no lease.
      expect(deleted).toBe(filled)
      expect((await run(deleter!.read(key))).value).toBeUndefined()
      expect(await run(fill)).toBe(false)
      outcomes.set(String(filled), (outcomes.get(String(filled)) ?? 0) + 1)
    })
    // Both happen, or this is no race.
    expect([...outcomes.keys()].sort()).toEqual(["false", "true"])
  })

  it("of a fill against the end of its lease: the one who leads next decides", async () => {
    const [first, second] = await peers(2)
    const outcomes = { filled: 0, led: 0 }
    await rounded(async (round) => {
      const key = `k${round}`
      const leaseFor = 15 + (round % 10)
      const { token } = await lead(first!, key, "first", { leaseFor })
      await sleep(leaseFor - 8 + (round % 9))
      const fill = run(first!.fill(key, { token, value: text("first"), lifetime: lifetime(minute) }))
      const asked = run(second!.acquire(key, ask("second")))
      const [filled, found] = await Promise.all([fill, asked])
      if (filled) outcomes.filled++
      if (found._tag === "Leader") {
        outcomes.led++
        // The lease had ended: the fill came before it, or is lost.
        const after = await run(
          second!.fill(key, { token: found.token, value: text("second"), lifetime: lifetime(minute) })
        )
        expect(filled).toBe(false)
        expect(after).toBe(true)
        expect(await run(first!.fill(key, { token, value: text("late"), lifetime: lifetime(minute) }))).toBe(false)
        expect((await run(first!.read(key))).value).toEqual(text("second"))
      } else if (found._tag === "Hit") {
        expect(filled).toBe(true)
        expect(found.value).toEqual(text("first"))
      } else {
        expect(found._tag).toBe("Follower")
      }
    }, 8)
    expect(outcomes.filled).toBeGreaterThan(0)
    expect(outcomes.led).toBeGreaterThan(0)
  })

  it("of ten that ask for what has just expired: one leads, and a late fill is lost", async () => {
    const adapters = await peers(2)
    await rounded(async (round) => {
      const key = `k${round}`
      const { token } = await lead(adapters[0]!, key, "crashed", { leaseFor: 1 })
      await sleep(5)
      const asked = Array.from({ length: 10 }, (_, i) => adapters[i % 2]!.acquire(key, ask(`o${i}`)))
      const late = adapters[1]!.fill(key, { token: token as Token, value: value(9), lifetime: lifetime(minute) })
      const [filled, ...found] = await Promise.all([run(late), ...asked.map((one) => run(one))])
      expect(filled).toBe(false)
      expect(found.filter(({ _tag }) => _tag === "Leader")).toHaveLength(1)
    })
  })

  it("of six set-ups at once: one index, and no failure", async () => {
    const clients = Array.from({ length: 3 }, () => clientOf(url()))
    const setUp = async (collection: string, round: number) => {
      const place = (index: number) => ({ client: clients[index % 3]!, database, collection })
      const all = Array.from({ length: 6 }, (_, i) => run(MongoDbAdapter.setup(place(i))))
      // Who came late found it made.
      expect((await Promise.all(all)).flat().length).toBeGreaterThan(0)
      expect(await run(MongoDbAdapter.setup(place(round)))).toEqual([])
      const raw = clients[0]!.db(database).collection(collection)
      expect((await raw.listIndexes().toArray()).map(({ name }) => name)).toEqual(["_id_", "cache_expiry"])
      await raw.dropIndex("cache_expiry")
    }
    // Now and then also the collection is new.
    const collections = Array.from({ length: 20 }, collectionName)
    await Promise.all(
      [0, 1].map(async (half) => {
        for (let round = half; round < rounds; round += 2) await setUp(collections[round % 20]!, round)
      })
    )
  })
})

describe("processes of their own", () => {
  it("make one leader of each key, and one filler", async () => {
    const collection = collectionName()
    const client = clientOf(url())
    await run(MongoDbAdapter.setup({ client, database, collection }))
    const outcomes = await startContenders({ url: url(), database, collection, processes: 3, rounds, each: 2 })
    expect(outcomes).toHaveLength(3)
    for (let round = 0; round < rounds; round++) {
      expect(outcomes.reduce((sum, { led }) => sum + led[round]!, 0)).toBe(1)
      expect(outcomes.reduce((sum, { filled }) => sum + filled[round]!, 0)).toBe(1)
    }
  })
})

/** The cost of calls: requests counted by a proxy, and read and write units as DynamoDB itself reports them. */
import { ask, lead, lifetime, minute, run } from "@cache-locking/conformance-kit/testing"
import type { Adapter, Token } from "@cache-locking/core"
import type { FaultProxy } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { beforeEach, expect, it } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { clientOf, overTable, proxyOf } from "./fixtures/Support.ts"

const table = "cost"

interface Consumed {
  readonly ReadCapacityUnits?: number
  readonly WriteCapacityUnits?: number
  readonly CapacityUnits?: number
}

/** The units of every request, as DynamoDB reports them on request. */
const metered = (url: string) => {
  const client = clientOf(url)
  const units: Array<readonly [command: string, units: number]> = []
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const input = { ...args.input, ReturnConsumedCapacity: "TOTAL" }
      const result = await next({ ...args, input } as never)
      const consumed = (result.output as { readonly ConsumedCapacity?: Consumed | ReadonlyArray<Consumed> })
        .ConsumedCapacity
      const sum = [consumed ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
      units.push([String(context.commandName).replace("Command", ""), sum])
      return result
    },
    { step: "initialize", name: "metered" }
  )
  return { client, units }
}

const sized = (bytes: number) => ({ bytes: new Uint8Array(bytes).fill(7) })

const long = lifetime(minute, minute)

await overTable(table, (server) => {
  let proxy: FaultProxy
  let adapter: Adapter
  let units: ReadonlyArray<readonly [string, number]>
  const meter = { units: [] as Array<readonly [string, number]> }

  beforeEach(async () => {
    proxy = await proxyOf(server)
    const { client, units: told } = metered(proxy.url())
    meter.units = told
    units = told
    adapter = DynamoDbAdapter.make({ client, table, prefix: crypto.randomUUID(), commandTimeout: "10 seconds" })
  })

  /** The requests that a verb sends, and their units. */
  const costOf = async <A>(verb: Effect.Effect<A, unknown>) => {
    proxy.resetCommands()
    meter.units.length = 0
    const answer = await run(verb)
    return { answer, sent: proxy.commands().map(({ name }) => name), units: [...units] }
  }

  it("a hit is one consistent read: a unit for each 4 KB", async () => {
    for (const [bytes, read] of [
      [0, 1],
      [3_000, 1],
      [10_000, 3],
      [100_000, 25],
      [401_408, 99]
    ] as const) {
      await run(adapter.put("k", { value: sized(bytes), lifetime: long }))
      const hit = await costOf(adapter.acquire("k", ask("you")))
      expect(hit.answer._tag).toBe("Hit")
      expect(hit.sent).toEqual(["GETITEM"])
      expect(hit.units, `${bytes}`).toEqual([["GetItem", read]])
    }
  })

  it("a miss is a read, a conditional write, and the fill", async () => {
    const acquired = await costOf(adapter.acquire("k", ask("me")))
    expect(acquired.sent).toEqual(["GETITEM", "UPDATEITEM"])
    expect(acquired.units).toEqual([
      ["GetItem", 1],
      ["UpdateItem", 1]
    ])
    const { token } = acquired.answer as { readonly token: Token }
    const filled = await costOf(adapter.fill("k", { token, value: sized(10_000), lifetime: long }))
    expect(filled.answer).toBe(true)
    expect(filled.sent).toEqual(["UPDATEITEM"])
    expect(filled.units).toEqual([["UpdateItem", 10]])
  })

  it("the first write of a client that has read nothing yet costs one read more, once, to learn the time", async () => {
    const put = (key: string) => adapter.put(key, { value: sized(10), lifetime: long })
    expect((await costOf(put("k"))).sent).toEqual(["GETITEM", "PUTITEM"])
    expect((await costOf(put("k"))).sent).toEqual(["PUTITEM"])
    expect((await costOf(put("l"))).sent).toEqual(["PUTITEM"])
  })

  it("a follower reads and writes nothing", async () => {
    await lead(adapter, "k")
    const followed = await costOf(adapter.acquire("k", ask("you")))
    expect(followed.answer._tag).toBe("Follower")
    expect(followed.units).toEqual([["GetItem", 1]])
  })

  it("every change of a key is one write", async () => {
    const { token } = await lead(adapter, "k")
    const one = async (verb: Effect.Effect<unknown, unknown>) => {
      const { sent, units } = await costOf(verb)
      expect(units.map(([name]) => name.toUpperCase())).toEqual(sent)
      return units
    }
    expect(await one(adapter.renew("k", { token, leaseFor: minute }))).toEqual([["UpdateItem", 1]])
    expect(await one(adapter.abandon("k", { token, cooldown: minute }))).toEqual([["UpdateItem", 1]])
    expect(await one(adapter.put("k", { value: sized(10), lifetime: long }))).toEqual([["PutItem", 1]])
    expect(await one(adapter.touch("k", { freshFor: minute }))).toEqual([["UpdateItem", 1]])
    expect(await one(adapter.read("k"))).toEqual([["GetItem", 1]])
    expect(await one(adapter.delete("k"))).toEqual([["DeleteItem", 1]])
    const again = await lead(adapter, "k")
    expect(await one(adapter.abandon("k", { token: again.token }))).toEqual([["DeleteItem", 1]])
  })

  it("beside a large value every write costs as much as the value, although its bytes do not travel", async () => {
    await run(adapter.put("k", { value: sized(100_000), lifetime: long }))
    const leading = await costOf(adapter.acquire("k", ask("me", { force: true })))
    expect(leading.units).toEqual([
      ["GetItem", 25],
      ["UpdateItem", 98]
    ])
    const { token } = leading.answer as { readonly token: Token }
    const before = proxy.stats.bytesUp
    expect((await costOf(adapter.renew("k", { token, leaseFor: minute }))).units).toEqual([["UpdateItem", 98]])
    const refilled = await costOf(adapter.fill("k", { token, lifetime: long }))
    expect(refilled).toMatchObject({ answer: true, units: [["UpdateItem", 98]] })
    expect(await costOf(adapter.touch("k", { freshFor: minute }))).toMatchObject({
      answer: true,
      units: [["UpdateItem", 98]]
    })
    expect(proxy.stats.bytesUp - before).toBeLessThan(3 * 2_500)
  })

  it("renewing and abandoning beside a value need no read to know until when it matters", async () => {
    await run(adapter.put("k", { value: sized(10), lifetime: long }))
    const { token } = await lead(adapter, "k", "me", { force: true })
    expect((await costOf(adapter.renew("k", { token, leaseFor: minute }))).sent).toEqual(["UPDATEITEM"])
    // Only a touch in between costs them one more, once.
    expect((await costOf(adapter.touch("k", { freshFor: 2 * minute }))).sent).toEqual(["UPDATEITEM", "UPDATEITEM"])
    expect(await costOf(adapter.renew("k", { token, leaseFor: minute }))).toMatchObject({
      answer: true,
      sent: ["UPDATEITEM", "UPDATEITEM"]
    })
    expect(await costOf(adapter.abandon("k", { token }))).toMatchObject({ answer: true })
  })

  it("many keys are read in batches of a hundred, and only misses get single requests", async () => {
    const keys = Array.from({ length: 150 }, (_, index) => `k${index}`)
    await run(
      Effect.forEach(keys.slice(0, 140), (key) => adapter.put(key, { value: sized(100), lifetime: long }), {
        concurrency: 16
      })
    )
    const all = await costOf(adapter.acquireMany!([...keys, "k0", "k149"], ask("me")))
    expect(all.answer.map(({ _tag }) => _tag)).toEqual([
      ...Array(140).fill("Hit"),
      ...Array(10).fill("Leader"),
      "Hit",
      "Leader"
    ])
    expect(all.sent.filter((name) => name === "BATCHGETITEM")).toHaveLength(2)
    expect(all.sent.filter((name) => name === "UPDATEITEM")).toHaveLength(10)
    expect(all.sent).toHaveLength(12)
    const hits = all.units.filter(([name]) => name === "BatchGetItem").reduce((sum, [, units]) => sum + units, 0)
    // A unit for each that is there. The service asks one for each that is not, too; the emulator does not.
    expect(hits).toBeGreaterThanOrEqual(140)
    expect(hits).toBeLessThanOrEqual(150)
    const gone = await costOf(adapter.deleteMany!(keys))
    expect(gone.answer).toBe(140)
    expect(gone.sent).toEqual(Array(150).fill("DELETEITEM"))
  })

  it("listing reads the whole table, page by page", async () => {
    const keys = Array.from({ length: 4 }, (_, index) => `k${index}`)
    for (const key of keys) await run(adapter.put(key, { value: sized(400_000), lifetime: long }))
    const listed = await costOf(Stream.runCollect(adapter.keys!("")))
    expect([...listed.answer].sort()).toEqual(keys)
    expect(listed.sent.length).toBeGreaterThan(1)
    expect(new Set(listed.sent)).toEqual(new Set(["SCAN"]))
    const read = listed.units.reduce((sum, [, units]) => sum + units, 0)
    expect(read).toBeGreaterThanOrEqual((4 * 400_000) / 4096)
    await run(adapter.deleteMany!(keys))
  })
})

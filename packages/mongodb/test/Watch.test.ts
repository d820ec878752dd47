/**
 * Watching, over a change stream of the driver where there is one (`MONGODB_URL`, or `mongod` on PATH). Its logic is
 * tested over a simulated stream, because the stand-in has none.
 */
import { EventEmitter } from "node:events"
import {
  failureOf,
  lead,
  lifetime,
  listening,
  minute,
  put,
  run,
  sleep,
  subscriptions,
  tagOf,
  until,
  value,
  watching
} from "@cache-locking/conformance-kit/testing"
import { MongoDb } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import type { MongoClient } from "mongodb"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { ChangeSubscriber, type Changes, NoChangeStreams, type Watched } from "../src/ChangeSubscriber.ts"
import { MongoDbAdapter } from "../src/index.ts"
import { following } from "../src/Statements.ts"
import { clientOf, collectionName, proxyOf, sentTo } from "./fixtures/Support.ts"

class MadeUpStream extends EventEmitter implements Changes {
  closed = 0
  async close() {
    this.closed++
    this.emit("close")
  }
  live() {
    this.emit("resumeTokenChanged", {})
  }
  tell(key: string, by: string) {
    this.emit("change", { operationType: "update", documentKey: { _id: key }, by })
  }
}

const madeUp = (hello: object = { setName: "rs0" }) => {
  const streams: Array<MadeUpStream> = []
  const asked: Array<unknown> = []
  const signals: Array<AbortSignal> = []
  let answer: () => Promise<object> = async () => hello
  const collection = {
    namespace: "made.up",
    db: {
      command: (command: object, { signal }: { readonly signal: AbortSignal }) => {
        asked.push(command)
        signals.push(signal)
        return answer()
      }
    },
    watch: (...args: ReadonlyArray<unknown>) => {
      asked.push(args)
      const stream = new MadeUpStream()
      streams.push(stream)
      return stream
    }
  }
  return {
    asked,
    signals,
    streams,
    collection,
    subscriber: new ChangeSubscriber(collection as Watched),
    answerWith: (next: () => Promise<object>) => {
      answer = next
    }
  }
}

const listener = () => {
  const told: Array<string> = []
  let lost = 0
  return {
    onMessage: (key: string, valued: boolean) => void told.push(`${key}${valued ? "" : " (no value)"}`),
    onLost: () => void lost++,
    heard: told,
    get losses() {
      return lost
    }
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

const settledWithin = async (promise: Promise<unknown>): Promise<boolean> => {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  await turn()
  return settled
}

describe("a subscriber", () => {
  it("asks for the kind of deployment, opens one stream for all, and is live when that has answered", async () => {
    const { asked, streams, subscriber } = madeUp()
    const [a, b, all] = [listener(), listener(), listener()]
    const seats = [
      subscriber.join("a", a, 1_000),
      subscriber.join("b", b, 1_000),
      subscriber.join(undefined, all, 1_000)
    ]
    await turn()
    expect(asked).toEqual([{ hello: 1 }, [[...following], expect.objectContaining({ maxAwaitTimeMS: 1_000 })]])
    expect(streams).toHaveLength(1)
    expect(await settledWithin(seats[0]!.live)).toBe(false)
    streams[0]!.live()
    await Promise.all(seats.map(({ live }) => live))
    streams[0]!.tell("a", "f-mark")
    streams[0]!.tell("b", "a-mark")
    streams[0]!.tell("c", "d-mark")
    expect([a.heard, b.heard, all.heard]).toEqual([["a"], ["b (no value)"], ["a", "b (no value)", "c"]])
    seats[0]!.leave()
    seats[0]!.leave()
    streams[0]!.tell("a", "p-mark")
    expect([a.heard.length, all.heard.length]).toEqual([1, 4])
    subscriber.close()
  })

  it("opens on a sharded cluster, and nowhere else; and asks no more for a while", async () => {
    const sharded = madeUp({ msg: "isdbgrid" })
    const membership = sharded.subscriber.join("k", listener(), 1_000)
    await turn()
    sharded.streams[0]!.live()
    await membership.live
    sharded.subscriber.close()

    const alone = madeUp({ isWritablePrimary: true })
    for (let i = 0; i < 3; i++) {
      await expect(alone.subscriber.join("k", listener(), 1_000).live).rejects.toBeInstanceOf(NoChangeStreams)
    }
    expect(alone.asked).toEqual([{ hello: 1 }])
  })

  it.each([
    ["an error", (stream: MadeUpStream) => stream.emit("error", new Error("gone"))],
    ["an end", (stream: MadeUpStream) => stream.emit("end")],
    ["a close", (stream: MadeUpStream) => stream.emit("close")],
    ["a drop", (stream: MadeUpStream) => stream.emit("change", { operationType: "drop" })],
    ["an invalidation", (stream: MadeUpStream) => stream.emit("change", { operationType: "invalidate" })]
  ])("tells all who listen of %s, once, and opens another for the next", async (_, end) => {
    const { streams, subscriber } = madeUp()
    const [one, all] = [listener(), listener()]
    const membership = subscriber.join("k", one, 1_000)
    subscriber.join(undefined, all, 1_000)
    await turn()
    streams[0]!.live()
    await membership.live
    end(streams[0]!)
    expect([one.losses, all.losses]).toEqual([1, 1])
    expect(streams[0]!.closed).toBe(1)
    streams[0]!.tell("k", "f-late")
    membership.leave()
    expect([one.heard, one.losses]).toEqual([[], 1])
    const next = subscriber.join("k", one, 1_000)
    await turn()
    streams[1]!.live()
    await next.live
    streams[1]!.tell("k", "f-mark")
    expect(one.heard).toEqual(["k"])
    subscriber.close()
  })

  it("fails callers that wait for a stream that does not open, in time", async () => {
    const silent = madeUp()
    const heard = listener()
    await expect(silent.subscriber.join("k", heard, 20).live).rejects.toThrow("no change stream within 20 ms")
    expect(silent.streams[0]!.closed).toBe(1)
    const unanswered = madeUp()
    unanswered.answerWith(() => new Promise(() => {}))
    await expect(unanswered.subscriber.join("k", heard, 20).live).rejects.toThrow("no change stream within 20 ms")
    expect(unanswered.signals.map(({ aborted }) => aborted)).toEqual([true])
    const refused = madeUp()
    refused.answerWith(() => Promise.reject(new Error("not now")))
    await expect(refused.subscriber.join("k", heard, 1_000).live).rejects.toThrow("not now")
    expect(heard.losses).toBe(3)
  })

  it("closes a stream that opens after it was given up", async () => {
    const { answerWith, streams, subscriber } = madeUp()
    let arrive = (_: object) => {}
    answerWith(() => new Promise((resolve) => (arrive = resolve)))
    await expect(subscriber.join("k", listener(), 10).live).rejects.toThrow()
    arrive({ setName: "rs0" })
    await turn()
    expect(streams[0]!.closed).toBe(1)
  })

  describe("in time", () => {
    const timed = () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
      onTestFinished(() => void vi.useRealTimers())
      return madeUp()
    }

    it("holds a stream lost that falls silent, and no other", async () => {
      const { streams, subscriber } = timed()
      const heard = listener()
      const membership = subscriber.join("k", heard, 1_000)
      await turn()
      streams[0]!.live()
      await membership.live
      for (let i = 0; i < 20; i++) {
        vi.advanceTimersByTime(4_900)
        streams[0]!.live()
      }
      expect(heard.losses).toBe(0)
      vi.advanceTimersByTime(5_100)
      expect(heard.losses).toBe(1)
      expect(streams[0]!.closed).toBe(1)
      expect(vi.getTimerCount()).toBe(0)
    })

    it("keeps a stream that nobody needs for ten seconds, and no longer", async () => {
      const { streams, subscriber } = timed()
      const join = async () => {
        const membership = subscriber.join("k", listener(), 1_000)
        await turn()
        streams.at(-1)!.live()
        await membership.live
        return membership
      }
      const beat = (ms: number) => {
        for (let left = ms; left > 0; left -= 1_000) {
          vi.advanceTimersByTime(Math.min(left, 1_000))
          streams.at(-1)!.live()
        }
      }
      ;(await join()).leave()
      beat(9_000)
      const again = await join()
      expect(streams).toHaveLength(1)
      beat(20_000)
      expect(streams[0]!.closed).toBe(0)
      again.leave()
      beat(10_000)
      expect(streams[0]!.closed).toBe(1)
      expect(vi.getTimerCount()).toBe(0)
    })
  })
})

/** An adapter whose collection is made up, for its watching alone. */
const overMadeUp = () => {
  const made = madeUp()
  const client = { db: () => ({ collection: () => made.collection }), close: () => {}, startSession: () => {} }
  const adapter = MongoDbAdapter.make({ client: client as unknown as MongoClient, commandTimeout: 500 })
  return { ...made, adapter }
}

describe("an adapter over a made-up stream", () => {
  const liveSoon = async (streams: ReadonlyArray<MadeUpStream>, index = 0) => {
    await expect.poll(() => streams.length).toBeGreaterThan(index)
    // By then its listeners have joined it.
    await turn()
    streams[index]!.live()
  }

  it("wakes the watchers of a key: by every verb that ends a wait, and when the stream is lost", async () => {
    const { adapter, streams } = overMadeUp()
    const [one, two] = [watching(adapter, "one"), watching(adapter, "two")]
    await liveSoon(streams)
    const [first, second] = await Promise.all([one, two])
    streams[0]!.tell("one", "f-mark")
    await first.woken
    await turn()
    expect(second.isWoken()).toBe(false)
    streams[0]!.emit("error", new Error("gone"))
    await second.woken
    await run(adapter.close!)
  })

  it("wakes the watchers when it is closed", async () => {
    const { adapter, streams } = overMadeUp()
    const one = watching(adapter, "one")
    await liveSoon(streams)
    const { woken } = await one
    await run(adapter.close!)
    await woken
    expect(streams[0]!.closed).toBe(1)
  })

  it("reports changes of values, not of leases; joins again when it is lost, and reports both", async () => {
    const { adapter, streams } = overMadeUp()
    const listener = listening(adapter)
    await liveSoon(streams)
    const { heard: events, leave } = await listener
    for (const [key, by] of [
      ["a", "f"],
      ["b", "p"],
      ["c", "d"],
      ["d", "a"]
    ] as const)
      streams[0]!.tell(key, `${by}-mark`)
    expect(events).toEqual(["a", "b", "c"])
    streams[0]!.emit("error", new Error("gone"))
    expect(events.at(-1)).toBe("lost")
    await liveSoon(streams, 1)
    await expect.poll(() => events.at(-1)).toBe("restored")
    streams[1]!.tell("e", "f-mark")
    expect(events.slice(3)).toEqual(["lost", "restored", "e"])
    await leave()
    streams[1]!.tell("f", "f-mark")
    expect(events.at(-1)).toBe("e")
    await run(adapter.close!)
    expect(events.at(-1)).toBe("e")
  })

  it("says lost also when the stream ends in the very moment it is live", async () => {
    const { adapter, streams } = overMadeUp()
    const listener = listening(adapter)
    await expect.poll(() => streams).toHaveLength(1)
    await turn()
    streams[0]!.live()
    streams[0]!.emit("end")
    const { heard: events } = await listener
    expect(events).toEqual(["lost"])
    await liveSoon(streams, 1)
    await expect.poll(() => events).toEqual(["lost", "restored"])
    await run(adapter.close!)
    expect(events).toEqual(["lost", "restored", "lost"])
  })

  it("goes on trying where the next stream does not open", async () => {
    const { adapter, answerWith, streams } = overMadeUp()
    const listener = listening(adapter)
    await liveSoon(streams)
    const { heard: events } = await listener
    let tries = 0
    answerWith(async () => {
      if (++tries < 3) throw new Error("not yet")
      return { setName: "rs0" }
    })
    streams[0]!.emit("close")
    await expect.poll(() => tries).toBe(3)
    await liveSoon(streams, 1)
    await expect.poll(() => events).toEqual(["lost", "restored"])
    await run(adapter.close!)
  })
})

await overServer(MongoDb.start(), (server) => {
  const streams = server.engine === "mongodb"

  it.skipIf(streams)("without change streams it fails, typed, asks once, and the cache goes on", async () => {
    const proxy = await proxyOf(server)
    const client = clientOf(proxy.url())
    const adapter = MongoDbAdapter.make({ client, database: "watch", collection: collectionName() })
    await run(adapter.read("warm"))
    for (const [, call] of [...subscriptions(adapter), ...subscriptions(adapter)]) {
      expect(await failureOf(call)).toMatchObject({
        reason: "Rejected",
        message: expect.stringContaining("replica set")
      })
    }
    const sent = sentTo(proxy).take()
    expect(sent.filter((name) => name !== "FIND")).toEqual([])
    expect(await tagOf(adapter, "k", "me")).toBe("Leader")
  })

  const title = streams ? "" : " (the stand-in has none: set MONGODB_URL)"
  it.skipIf(!streams)(`with change streams it wakes, reports and forgets${title}`, async () => {
    const clients = [clientOf(server.url), clientOf(server.url)] as const
    const collection = collectionName()
    const [here, there] = clients.map((client) => MongoDbAdapter.make({ client, database: "watch", collection }))
    const { token } = await lead(there!, "k")
    const { heard, leave } = await listening(here!)
    const { isWoken, woken } = await watching(here!, "k")
    await run(there!.renew("k", { token, leaseFor: minute }))
    await turn()
    expect(isWoken()).toBe(false)
    await run(there!.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))
    await woken
    await put(there!, "large", { bytes: new Uint8Array(here!.limits.valueBytes) }, lifetime(1))
    await run(there!.deleteMany!(["k", "large"]))
    await until("both changes", () => heard.filter((key) => key === "large").length >= 2)
    expect(new Set(heard)).toEqual(new Set(["k", "large"]))
    await leave()
    await run(here!.close!)
    await sleep(0)
    await clients[0].db("watch").collection(collection).drop()
  })
})

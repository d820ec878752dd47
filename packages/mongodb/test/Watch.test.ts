/**
 * Watching. Over a change stream of the driver's where there is one (`MONGODB_URL`, or `mongod` on PATH); its logic over
 * one that is made up, since the stand-in has none.
 */
import { EventEmitter } from "node:events"
import type { Adapter } from "@cache-locking/core"
import { type MongoDb, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { MongoClient } from "mongodb"
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest"
import { ChangeSubscriber, type Changes, NoChangeStreams, type Watched } from "../src/ChangeSubscriber.ts"
import { MongoDbAdapter } from "../src/index.ts"
import { following } from "../src/Statements.ts"
import {
  ask,
  clientOf,
  collectionName,
  commandsOf,
  failureOf,
  lead,
  lifetime,
  minute,
  proxyTo,
  run,
  sleep,
  startServer,
  value
} from "./fixtures/Support.ts"

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
    told: (key: string, valued: boolean) => void told.push(`${key}${valued ? "" : " (no value)"}`),
    lost: () => void lost++,
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
  it("asks what the deployment is, opens one stream for all, and is live when that has answered", async () => {
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
    const seat = sharded.subscriber.join("k", listener(), 1_000)
    await turn()
    sharded.streams[0]!.live()
    await seat.live
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
    const seat = subscriber.join("k", one, 1_000)
    subscriber.join(undefined, all, 1_000)
    await turn()
    streams[0]!.live()
    await seat.live
    end(streams[0]!)
    expect([one.losses, all.losses]).toEqual([1, 1])
    expect(streams[0]!.closed).toBe(1)
    streams[0]!.tell("k", "f-late")
    seat.leave()
    expect([one.heard, one.losses]).toEqual([[], 1])
    const next = subscriber.join("k", one, 1_000)
    await turn()
    streams[1]!.live()
    await next.live
    streams[1]!.tell("k", "f-mark")
    expect(one.heard).toEqual(["k"])
    subscriber.close()
  })

  it("fails who waits for a stream that does not open, in time", async () => {
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
      const seat = subscriber.join("k", heard, 1_000)
      await turn()
      streams[0]!.live()
      await seat.live
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
        const seat = subscriber.join("k", listener(), 1_000)
        await turn()
        streams.at(-1)!.live()
        await seat.live
        return seat
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

const watching = async (adapter: Adapter, key: string) => {
  const scope = Scope.makeUnsafe()
  onTestFinished(() => run(Scope.close(scope, Exit.void)))
  return { scope, woken: await run(Scope.provide(adapter.watch!(key), scope)) }
}

describe("an adapter over a made-up stream", () => {
  const liveSoon = async (streams: ReadonlyArray<MadeUpStream>, index = 0) => {
    await expect.poll(() => streams.length).toBeGreaterThan(index)
    // Those who asked for it listen to it by then.
    await turn()
    streams[index]!.live()
  }

  it("wakes who watches a key: by every verb that ends a wait, and when the stream is lost", async () => {
    const { adapter, streams } = overMadeUp()
    const [one, two] = [watching(adapter, "one"), watching(adapter, "two")]
    await liveSoon(streams)
    const [first, second] = await Promise.all([one, two])
    streams[0]!.tell("one", "f-mark")
    await run(first.woken)
    expect(await settledWithin(run(second.woken))).toBe(false)
    streams[0]!.emit("error", new Error("gone"))
    await run(second.woken)
    await run(adapter.close!)
  })

  it("wakes who watches when it is closed", async () => {
    const { adapter, streams } = overMadeUp()
    const one = watching(adapter, "one")
    await liveSoon(streams)
    const { woken } = await one
    await run(adapter.close!)
    await run(woken)
    expect(streams[0]!.closed).toBe(1)
  })

  const feeding = async (adapter: Adapter) => {
    const events: Array<string> = []
    const scope = Scope.makeUnsafe()
    const feed = adapter.changes!({
      changed: (key) => events.push(key),
      lost: () => events.push("lost"),
      restored: () => events.push("restored")
    })
    onTestFinished(() => run(Scope.close(scope, Exit.void)))
    return { events, scope, live: run(Scope.provide(feed, scope)) }
  }

  it("tells changes of values, not of leases; joins again when it is lost, and says both", async () => {
    const { adapter, streams } = overMadeUp()
    const { events, live, scope } = await feeding(adapter)
    await liveSoon(streams)
    await live
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
    await run(Scope.close(scope, Exit.void))
    streams[1]!.tell("f", "f-mark")
    expect(events.at(-1)).toBe("e")
    await run(adapter.close!)
    expect(events.at(-1)).toBe("e")
  })

  it("says lost also when the stream ends in the very moment it is live", async () => {
    const { adapter, streams } = overMadeUp()
    const { events, live } = await feeding(adapter)
    await expect.poll(() => streams).toHaveLength(1)
    await turn()
    streams[0]!.live()
    streams[0]!.emit("end")
    await live
    expect(events).toEqual(["lost"])
    await liveSoon(streams, 1)
    await expect.poll(() => events).toEqual(["lost", "restored"])
    await run(adapter.close!)
    expect(events).toEqual(["lost", "restored", "lost"])
  })

  it("goes on trying where the next stream does not open", async () => {
    const { adapter, answerWith, streams } = overMadeUp()
    const { events, live } = await feeding(adapter)
    await liveSoon(streams)
    await live
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

describe("over a server", () => {
  let server: MongoDb | Unavailable
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(async () => {
    if (!(server instanceof Unavailable)) await server?.stop()
  })

  it("without change streams it fails, typed, asks once, and the cache goes on", async (context) => {
    if (server instanceof Unavailable) return context.skip(server.message)
    if (server.engine === "mongodb") return context.skip("this one has change streams")
    const proxy = await proxyTo(server)
    const client = clientOf(proxy.url())
    const adapter = MongoDbAdapter.make({ client, database: "watch", collection: collectionName() })
    await run(adapter.read("warm"))
    const told = { changed: () => {}, lost: () => {}, restored: () => {} }
    for (const verb of [adapter.watch!("k"), adapter.changes!(told), adapter.watch!("k")]) {
      expect(await failureOf(Effect.scoped(verb as Effect.Effect<unknown, unknown, Scope.Scope>))).toMatchObject({
        reason: "Rejected",
        message: expect.stringContaining("replica set")
      })
    }
    expect(commandsOf(proxy).filter((name) => name !== "FIND")).toEqual([])
    expect((await run(adapter.acquire("k", ask("me"))))._tag).toBe("Leader")
  })

  it("with change streams it wakes, tells and forgets", async (context) => {
    if (server instanceof Unavailable) return context.skip(server.message)
    if (server.engine !== "mongodb") return context.skip("the stand-in has no change streams: set MONGODB_URL")
    const clients = [clientOf(server.url), clientOf(server.url)] as const
    const collection = collectionName()
    const [here, there] = clients.map((client) => MongoDbAdapter.make({ client, database: "watch", collection }))
    const { token } = await lead(there!, "k")
    const events: Array<string> = []
    const scope = Scope.makeUnsafe()
    const feed = here!.changes!({ changed: (key) => events.push(key), lost: () => {}, restored: () => {} })
    await run(Scope.provide(feed, scope))
    const { woken } = await watching(here!, "k")
    await run(there!.renew("k", { token, leaseFor: minute }))
    expect(await settledWithin(run(woken))).toBe(false)
    await run(there!.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))
    await run(woken)
    await run(there!.put("large", { value: { bytes: new Uint8Array(here!.limits.valueBytes) }, lifetime: lifetime(1) }))
    await run(there!.deleteMany!(["k", "large"]))
    await expect.poll(() => events.filter((key) => key === "large").length).toBeGreaterThanOrEqual(2)
    expect(new Set(events)).toEqual(new Set(["k", "large"]))
    await run(Scope.close(scope, Exit.void))
    await run(here!.close!)
    await sleep(0)
    await clients[0].db("watch").collection(collection).drop()
  })
})

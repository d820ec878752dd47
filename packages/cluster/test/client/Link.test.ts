/** The protocol: batches, backpressure, late answers, closed channels, and any other message of a channel. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { MessageChannel } from "node:worker_threads"
import { ask, failureOf, lifetime, minute, put, run, sleep, tagOf, text } from "@cache-locking/conformance-kit/testing"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { afterEach, describe, expect, it } from "vitest"
import { ofFault } from "../../src/client/ClusterError.ts"
import { linkOver } from "../../src/client/SpaceClient.ts"
import { Cluster, ClusterAdapter } from "../../src/index.ts"
import { verbs } from "../../src/primary/Verbs.ts"
import { readFrame, writeFrame } from "../../src/wire/Wire.ts"
import { pair } from "../fixtures/Pair.ts"

afterEach(() => Cluster.bootstrap().close())

const linked = (serialization: "advanced" | "json" = "advanced", commandTimeout = 1_000) => {
  const ends = pair(serialization)
  const adapter = ClusterAdapter.make({ port: ends.worker, commandTimeout })
  const primary = Cluster.bootstrap()
  primary.serve(ends.primary)
  const direct = ClusterAdapter.make()
  return { ...ends, end: ends.primary, adapter, primary, direct }
}

describe("sent messages", () => {
  it("all calls of one turn travel as one message, and so do their results", async () => {
    const { adapter, sent } = linked()
    await run(adapter.read("warm"))
    const before = { worker: sent.worker.length, primary: sent.primary.length }
    await Promise.all(Array.from({ length: 500 }, (_, i) => run(adapter.read(`${i}`))))
    expect(sent.worker.length - before.worker).toBe(1)
    expect(sent.primary.length - before.primary).toBe(1)
  })

  it("a channel that takes nothing gets two messages, not a thousand; no call is lost", async () => {
    const { adapter, hold, sent } = linked()
    await run(adapter.read("warm"))
    const before = sent.worker.length
    const release = hold("worker")
    const reads = []
    for (let i = 0; i < 50; i++) {
      reads.push(run(adapter.read(`${i}`)))
      await sleep(0)
    }
    expect(sent.worker.length - before).toBe(2)
    release()
    expect(await Promise.all(reads)).toHaveLength(50)
    expect(sent.worker.length - before).toBe(3)
  })

  it.each(["advanced", "json"] as const)(
    "bytes and endless lifetimes arrive unchanged over %s",
    async (serialization) => {
      const { adapter, direct } = linked(serialization)
      const bytes = Uint8Array.from([0, 1, 255, 36, 10])
      await run(adapter.put("k", { value: { bytes }, lifetime: { fresh: Number.POSITIVE_INFINITY, stale: 0 } }))
      for (const each of [adapter, direct]) {
        const { freshFor, value } = await run(each.read("k"))
        expect([...value!.bytes]).toEqual([...bytes])
        expect(freshFor).toBe(Number.POSITIVE_INFINITY)
      }
    }
  )

  it("a call that timed out before it was sent is never sent", async () => {
    const { adapter, direct, hold } = linked("advanced", 50)
    await run(adapter.read("warm"))
    const release = hold("worker")
    // These two occupy the channel; the third waits in the worker.
    for (const key of ["a", "b", "c"])
      expect((await failureOf(adapter.put(key, { value: text(key), lifetime: lifetime(minute) }))).reason).toBe(
        "Unavailable"
      )
    release()
    await run(adapter.read("warm"))
    expect((await run(direct.read("a"))).value).toBeDefined()
    expect((await run(direct.read("c"))).value).toBeUndefined()
  })
})

describe("leases", () => {
  it("are given back when they are granted after their caller is gone", async () => {
    const { adapter, direct, hold } = linked("advanced", 50)
    await run(adapter.read("warm"))
    const release = hold("primary")
    expect((await failureOf(adapter.acquire("k", ask("one")))).message).toBe("no answer within 50 ms")
    expect(await tagOf(direct, "k", "two")).toBe("Follower")
    release()
    await expect.poll(async () => (await run(direct.read("k"))).lease).toBeUndefined()
    expect(await tagOf(direct, "k", "two")).toBe("Leader")
  })

  it("are not given back if their owner has asked again and leads", async () => {
    const { adapter, direct, hold } = linked("advanced", 100)
    await run(adapter.read("warm"))
    const release = hold("primary")
    await failureOf(adapter.acquire("k", ask("one")))
    const again = run(adapter.acquire("k", ask("one")))
    await sleep(20)
    release()
    const found = await again
    expect(found._tag).toBe("Leader")
    await run(adapter.read("warm"))
    expect((await run(direct.read("k"))).lease?.owner).toBe("one")
  })

  it("of a channel that is cut are freed at once, and their watchers are woken", async () => {
    const { adapter, cut, direct, primary } = linked()
    for (const key of ["a", "b"]) await run(adapter.acquire(key, ask(key)))
    const woken = run(Effect.scoped(Effect.flatMap(direct.watch!("a"), (changed) => changed)))
    await sleep(10)
    cut()
    await woken
    for (const key of ["a", "b"]) expect(await tagOf(direct, key, "next")).toBe("Leader")
    expect(primary.stats.links).toBe(0)
    expect((await failureOf(adapter.read("a"))).message).toBe("the primary is gone")
  })

  it("of a thread are freed when its port closes", async () => {
    const { port1, port2 } = new MessageChannel()
    Cluster.bootstrap().serve(port1)
    const [adapter, direct] = [ClusterAdapter.make({ port: port2 }), ClusterAdapter.make()]
    await run(adapter.acquire("k", ask("thread")))
    expect(await tagOf(direct, "k", "other")).toBe("Follower")
    port2.close()
    await expect.poll(async () => await tagOf(direct, "k", "other")).toBe("Leader")
  })
})

describe("namespaces", () => {
  it("refuse options that differ from their own, by name; no options are always accepted", async () => {
    const { worker } = linked()
    const open = (max?: number) =>
      ClusterAdapter.make({ namespace: "n", port: worker, ...(max !== undefined && { space: { max } }) })
    await run(open(10).read("k"))
    const failure = await failureOf(open(20).read("k"))
    expect(failure.reason).toBe("Rejected")
    expect(failure.message).toContain("max")
    await run(open().read("k"))
    await run(open(10).read("k"))
    expect((await failureOf(ClusterAdapter.make({ namespace: "n", space: { max: 20 } }).read("k"))).reason).toBe(
      "Rejected"
    )
  })

  it("keep their keys apart, and share flights only with themselves", async () => {
    const { worker } = linked()
    const [a, b] = ["a", "b"].map((namespace) => ClusterAdapter.make({ namespace, port: worker }))
    await put(a!, "k", text("a"))
    expect((await run(b!.read("k"))).value).toBeUndefined()
    expect(a!.identity).not.toBe(b!.identity)
    expect(ClusterAdapter.make({ namespace: "a", port: worker }).identity).toBe(a!.identity)
  })

  it("refuse bad options at once", () => {
    expect(() => ClusterAdapter.make({ space: { max: 0 } })).toThrow("max")
    for (const max of [1e9, 10_000_001, Infinity])
      expect(() => ClusterAdapter.make({ space: { max } })).toThrow("a whole number from 1 to 10000000")
    for (const namespace of ["", "\ud800", "x".repeat(1_025), 5 as never])
      expect(() => ClusterAdapter.make({ namespace })).toThrow("namespace")
    expect(() => ClusterAdapter.make({ maximum: 1 } as never)).toThrow("maximum")
    expect(() => ClusterAdapter.make({ commandTimeout: 0 })).toThrow("commandTimeout")
    expect(() => ClusterAdapter.make({ port: {} as never })).toThrow("port")
  })
})

describe("a namespace that is destroyed", () => {
  const opened = (max?: number) => {
    const { primary: end, sent, worker } = pair()
    const primary = Cluster.bootstrap()
    primary.serve(end)
    const open = (max?: number) =>
      ClusterAdapter.make({ namespace: "n", port: worker, ...(max !== undefined && { space: { max } }) })
    return { primary, sent, open, adapter: open(max) }
  }

  it("loses its values and its options; the next call opens it anew, also one that was refused before", async () => {
    const { adapter, open, primary } = opened(10)
    await put(adapter, "k", text("v"))
    const other = open(20)
    expect((await failureOf(other.read("k"))).message).toContain("max")
    expect(primary.destroy("n")).toBe(1)
    expect(primary.stats.namespaces).toBe(0)
    expect((await run(other.read("k"))).value).toBeUndefined()
    expect((await failureOf(adapter.read("k"))).message).toContain("max")
    expect([primary.destroy("n"), primary.destroy("n"), primary.destroy("never")]).toEqual([0, 0, 0])
    await put(adapter, "k", text("w"))
  })

  it.each([true, false])(
    "voids its leases, and late holders do not open it again (in the primary: %s)",
    async (near) => {
      const { adapter: far, primary } = opened()
      const adapter = near ? ClusterAdapter.make({ namespace: "n" }) : far
      const old = await run(adapter.acquire("k", ask("old")))
      if (old._tag !== "Leader") throw new Error(old._tag)
      primary.destroy("n")
      const fill = { token: old.token, value: text("late"), lifetime: lifetime(minute) }
      const late = () =>
        Promise.all([
          run(adapter.fill("k", fill)),
          run(adapter.renew("k", { token: old.token, leaseFor: minute })),
          run(adapter.abandon("k", { token: old.token }))
        ])
      expect(await late()).toEqual([false, false, false])
      expect(primary.stats.namespaces).toBe(0)
      // The first lease of the new namespace is another one.
      expect(await tagOf(adapter, "k", "new")).toBe("Leader")
      expect(await late()).toEqual([false, false, false])
      expect(await tagOf(adapter, "k", "third")).toBe("Follower")
    }
  )

  it("wakes who waits for a key, and tells who listens that it is lost, over a channel and in the primary", async () => {
    const { adapter, primary } = opened()
    for (const each of [adapter, ClusterAdapter.make({ namespace: "n" })]) {
      const told: Array<string> = []
      const listener = { changed: (key: string) => told.push(key), lost: () => told.push("lost"), restored: () => {} }
      await run(
        Effect.scoped(
          Effect.gen(function* () {
            yield* each.changes!(listener)
            yield* each.acquire("k", ask("me"))
            const woken = yield* each.watch!("k")
            primary.destroy("n")
            yield* woken
            yield* Effect.promise(() => expect.poll(() => told).toContain("lost"))
          })
        )
      )
      expect(told.filter((each) => each === "lost")).toHaveLength(1)
    }
  })

  it("takes about a kilobyte while it is empty, and nothing afterwards: 20,000 of them", () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const used = () => {
      collect()
      const { external, heapUsed } = process.memoryUsage()
      return heapUsed + external
    }
    const { primary } = opened()
    const before = used()
    for (let i = 0; i < 20_000; i++) primary.space(`empty ${i}`, undefined)
    expect(primary.stats.namespaces).toBe(20_000)
    expect((used() - before) / 20_000).toBeLessThan(2_000)
    for (let i = 0; i < 20_000; i++) primary.destroy(`empty ${i}`)
    expect(primary.stats.namespaces).toBe(0)
    expect((used() - before) / 20_000).toBeLessThan(200)
  })

  it("is opened once by a process, however many adapters it makes", async () => {
    const { open, sent } = opened()
    for (let i = 0; i < 100; i++) await run(open(i < 50 ? undefined : 10_000).read("k"))
    const opens = sent.worker.flatMap(({ items }) => items).filter(([kind]) => kind === "open")
    expect(opens.map(([, handle]) => handle)).toEqual([0, 1])
  })

  it("is needed where there are 100,000", async () => {
    const { adapter, primary } = opened()
    for (let i = 0; i < 100_000; i++) primary.space(`empty ${i}`, undefined)
    expect((await failureOf(adapter.read("k"))).message).toContain("100000 namespaces")
    primary.destroy("empty 0")
    await put(adapter, "k", text("v"))
  })
})

describe("any message", () => {
  it("of another version of the protocol is an error that says so", async () => {
    const ends = pair()
    const adapter = ClusterAdapter.make({ port: ends.worker, commandTimeout: 500 })
    ends.primary.on("message", () =>
      ends.primary.send!({ cacheLocking: 99, to: "client", link: "", items: [] }, undefined, undefined, () => {})
    )
    expect((await failureOf(adapter.read("k"))).message).toContain("version")
  })

  it("that is foreign, truncated or random is ignored and counted, and no answer is lost", async () => {
    const { adapter, end, primary, sent, worker } = linked()
    const ends = [worker, end]
    await put(adapter, "mine", text("value"))
    const real = [...sent.worker, ...sent.primary]
    const kinds = "handshake open call unsubscribe close? announce? result fault changed __proto__ constructor".split(
      " "
    )
    const item = fc.oneof(
      fc.anything(),
      fc.tuple(
        fc.constantFrom(...kinds),
        fc.anything(),
        fc.anything(),
        fc.oneof(fc.constantFrom("acquire", "fill", "list", "count", "configure", "toString"), fc.anything()),
        fc.oneof(fc.array(fc.anything()), fc.anything())
      )
    )
    const message = fc.oneof(
      fc.anything(),
      fc.string(),
      fc.string().map((rest) => `{"cacheLocking":${rest}`),
      fc.constantFrom(...real).map((frame) => JSON.stringify(frame).slice(0, -3)),
      fc.record({
        cacheLocking: fc.constantFrom(1, 2, "1"),
        to: fc.constantFrom("primary", "client"),
        link: fc.constantFrom("another"),
        items: fc.array(item)
      })
    )
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 20 }), async (messages) => {
        // Past the channel's own copying, which functions and symbols would not survive.
        for (const each of messages) {
          if ((each as any)?.cacheLocking === 2 && (each as any)?.to === "client") continue
          for (const end of ends) end.emit("message", each)
        }
        const { value } = await run(adapter.read("mine"))
        expect(new TextDecoder().decode(value!.bytes)).toBe("value")
      }),
      { numRuns: 200 }
    )
    expect(primary.stats.ignored).toBeGreaterThan(0)
    expect(linkOver(worker)!.stats.ignored).toBeGreaterThan(0)
    expect(linkOver(worker)!.stats.pending).toBe(0)
  })

  /** A client without a link: it sends any items, in a namespace that it has opened, and keeps what it receives. */
  const client = () => {
    const ends = pair()
    Cluster.bootstrap().serve(ends.primary)
    const received: Array<any> = []
    ends.worker.on("message", (frame) => received.push(...frame.items))
    const send = (...items: ReadonlyArray<unknown>) =>
      ends.primary.emit("message", { cacheLocking: 1, to: "primary", link: "l", items })
    send(["handshake", new Uint8Array([1])], ["open", 0, "n", null])
    return { received, send }
  }

  it("with a malformed call is refused", async () => {
    const { received, send } = client()
    send(["call", 1, 0, "acquire", [1, {}]], ["call", 2, 0, "toString", []])
    send(["call", 3, 7, "read", ["k"]], ["call", 4, 0, "fill", []], ["call", 5, 0, "configure", [{ max: -1 }]])
    send(["open", 1, "m", { max: "many" }], ["call", 6, 1, "read", ["k"]], ["call", 7, 0, "ping", []])
    await expect.poll(() => received.find((item) => item[1] === 7)).toEqual(["result", 7, true])
    const refused = received.filter((item) => item[0] === "fault")
    expect(refused.map((item) => [item[1], item[2].reason])).toEqual([1, 2, 3, 4, 5, 6].map((id) => [id, "Malformed"]))
  })

  it("with any verb and any arguments is answered or refused, and nothing breaks", async () => {
    const { adapter } = linked()
    const { received, send } = client()
    const parts = ["k", 1, 5, "1", new Uint8Array([1]), ["k"], { owner: "o", leaseFor: 5 }, null]
    const likely = fc.constantFrom<unknown>(...parts)
    const argument = fc.oneof(likely, fc.jsonValue(), fc.double(), fc.constant({ fresh: 5, stale: Number.NaN }))
    const call = fc.tuple(fc.constantFrom(...verbs.keys()), fc.array(argument, { maxLength: 5 }))
    let ids = 0
    await put(adapter, "mine", text("value"))
    fc.assert(
      fc.property(fc.array(call, { maxLength: 30 }), (calls) => {
        send(...calls.map(([verb, args]) => ["call", ++ids, 0, verb, args]))
      }),
      { numRuns: 300 }
    )
    await expect.poll(() => received.filter(([kind]) => kind === "result" || kind === "fault").length).toBe(ids)
    for (const [kind, , fault] of received) if (kind === "fault") expect(fault.cause).toBeUndefined()
    expect((await run(adapter.read("mine"))).value).toBeDefined()
  })

  it("with an error of the primary brings its name, code and stack", () => {
    const cause = { name: "RangeError", message: "far", code: "E_FAR", stack: "RangeError: far\n    at there" }
    const error = ofFault({ reason: "Failed", message: "the primary broke at it", cause })
    expect(error).toMatchObject({ _tag: "CLUSTER_ERROR", reason: "Failed", retryable: false })
    expect(error.cause).toBeInstanceOf(Error)
    const { code, message, name, stack } = error.cause as Error & { code: string }
    expect({ code, message, name, stack }).toEqual(cause)
  })

  it("means the same as text and as a structure", () => {
    const frame = {
      cacheLocking: 1,
      to: "primary",
      link: "l",
      items: [["x", Buffer.from([1, 2]), Number.POSITIVE_INFINITY, "a"]]
    }
    const arrived = readFrame(writeFrame(frame as never, "text"), "primary")
    expect(arrived).toEqual({ ...frame, items: [["x", new Uint8Array([1, 2]), Number.POSITIVE_INFINITY, "a"]] })
  })
})

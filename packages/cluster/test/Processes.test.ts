/** Real workers of a real cluster, of which this process is the primary. */
import { fork } from "node:child_process"
import cluster from "node:cluster"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Worker as Thread } from "node:worker_threads"
import { failureOf, run, sleep } from "@cache-locking/conformance-kit/testing"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it, vi } from "vitest"
import { Cluster, ClusterAdapter } from "../src/index.ts"
import { createClusterCache } from "../src/promise.ts"
import { Workers } from "./fixtures/Workers.ts"

const script = (name: string) => new URL(`./fixtures/${name}.ts`, import.meta.url)
const long = { fresh: 60_000, stale: 0 }
let keys = 0
const newKey = () => `key ${++keys}`

afterAll(() => Cluster.bootstrap().close())

const fetchesOf = (workers: Workers) => workers.handles.flatMap((handle) => handle.fetches)

describe.each(["advanced", "json"] as const)("over a channel with %s serialization", (serialization) => {
  it("8 workers with 100 callers each fetch once, over the adapter and by `fetch`", async () => {
    // The workers are there first: either side may begin.
    await using workers = new Workers(8, serialization)
    Cluster.bootstrap()
    for (const [i, of] of ["adapter", "cache"].entries()) {
      const key = newKey()
      const ask = { key, callers: 100, fetcher: "quick", of }
      const answers = await Promise.all(workers.handles.map((handle) => handle.job<Array<string>>("ask", ask)))
      expect(answers.flat()).toEqual(Array.from({ length: 800 }, () => "value"))
      // It was kept as well.
      await workers.handles[0]!.job("ask", ask)
      expect(fetchesOf(workers)).toHaveLength(i + 1)
    }
  })

  it("2 workers × 5,000 incr without waiting lose none", async () => {
    Cluster.bootstrap()
    await using workers = new Workers(2, serialization)
    const counters = createClusterCache<number>({ namespace: "counters" })
    await counters.clear()
    const done = await Promise.all(workers.handles.map((handle) => handle.job<number>("count", { times: 5_000 })))
    expect(done).toEqual([5_000, 5_000])
    expect(await counters.get("n")).toBe(10_000)
  })
})

describe("two copies of this package in one primary", () => {
  /** The modules once more, as a second installed copy has them. */
  const copyOf = async () => {
    vi.resetModules()
    return { ...(await import("../src/index.ts")), ...(await import("../src/promise.ts")) }
  }

  it("share one state: neither takes the workers from the other", async () => {
    const copy = await copyOf()
    await using workers = new Workers(3)
    expect(copy.Cluster.bootstrap()).toBe(Cluster.bootstrap())
    const counters = { namespace: "counters" }
    const [one, two] = [createClusterCache<number>(counters), copy.createClusterCache<number>(counters)]
    await one.clear()
    await Promise.all(workers.handles.map((handle) => handle.job("count", { times: 100 })))
    expect(await two.incr("n")).toBe(301)
    expect(await one.get("n")).toBe(301)
    const key = newKey()
    const ask = { key, callers: 10, fetcher: "quick", of: "adapter" }
    await Promise.all(workers.handles.map((handle) => handle.job("ask", ask)))
    expect(fetchesOf(workers)).toHaveLength(1)
    for (const { ClusterAdapter: adapters } of [{ ClusterAdapter }, copy]) {
      const adapter = adapters.make({ namespace: "workers" })
      expect((await run(adapter.acquire(key, { owner: "o", leaseFor: 1_000 })))._tag).toBe("Hit")
      const refused = await failureOf(
        adapter.put("k", { value: { bytes: new Uint8Array(2 ** 26 + 1) }, lifetime: long })
      )
      expect(refused.reason).toBe("Rejected")
    }
    await expect(two.set("n", {} as never).then(() => two.incr("n"))).rejects.toMatchObject({ reason: "NotANumber" })
    await one.clear()
  })

  it("of other versions: the second one is refused, with the reason", () => {
    Cluster.bootstrap().close()
    const held = Symbol.for("@cache-locking/cluster/primary")
    const holder = cluster as unknown as Record<symbol, unknown>
    holder[held] = { version: 999 }
    try {
      for (const use of [Cluster.bootstrap, () => ClusterAdapter.make()]) {
        expect(use).toThrow(
          expect.objectContaining({ _tag: "UNSUPPORTED", message: expect.stringContaining("protocol 999") })
        )
      }
    } finally {
      holder[held] = undefined
    }
  })

  it("a worker is no primary: bootstrap() says so there", async () => {
    Cluster.bootstrap()
    await using workers = new Workers(1)
    expect(await workers.handles[0]!.job("bootstrap")).toBe("UNSUPPORTED")
  })
})

describe("workers that die or fail", () => {
  /** Kills a worker during a fetch for which all others wait. Returns the milliseconds from its exit to the next fetch. */
  const succession = async (workers: Workers, at: number, of: string): Promise<number> => {
    const key = newKey()
    const [owner, ...others] = workers.handles.slice(at)
    for (const handle of workers.handles) handle.fetches.length = 0
    void owner!.job("ask", { key, callers: 1, fetcher: "endless", of })
    await owner!.fetching()
    const served = others.map((handle) => handle.job<Array<string>>("ask", { key, callers: 25, fetcher: "quick", of }))
    const began = () => others.flatMap((handle) => handle.fetches)
    // All wait, and none fetches.
    await sleep(200)
    expect(began()).toEqual([])
    const worker = workers.workers[at]!
    worker.process.kill("SIGKILL")
    await once(worker, "exit")
    const exited = performance.now()
    expect((await Promise.all(served)).flat()).toEqual(Array.from({ length: 25 * others.length }, () => "value"))
    expect(began()).toHaveLength(1)
    return began()[0]! - exited
  }

  const killed = "the owner killed in its fetch: one successor within 50 ms of the exit, all are served (%s)"
  it.each(["adapter", "cache"])(killed, async (of) => {
    Cluster.bootstrap()
    await using workers = new Workers(4)
    const took: Array<number> = []
    for (const at of [0, 1, 2]) took.push(await succession(workers, at, of))
    // The lease would have lasted for thirty seconds.
    expect(Math.max(...took)).toBeLessThan(5_000)
    // Other work of the machine may delay one of them, but not all.
    expect(Math.min(...took)).toBeLessThan(50)
  })

  it.each(["adapter", "cache"])("the owner's fetch fails: all callers get its one error (%s)", async (of) => {
    Cluster.bootstrap()
    await using workers = new Workers(4)
    const ask = { key: newKey(), callers: 10, fetcher: "failing", of }
    const asked = workers.handles.map((handle) => handle.job<Array<string>>("ask", ask))
    // All wait for the one load before it fails. A worker that comes later would rightly try again.
    await Promise.all(workers.handles.map((handle) => handle.called("acquire")))
    for (const handle of workers.handles) void handle.job("end")
    const answers = await Promise.all(asked)
    expect(fetchesOf(workers)).toHaveLength(1)
    expect(answers.flat()).toHaveLength(40)
    for (const answer of answers.flat()) expect(answer).toContain("the origin is down")
  })
})

describe("threads", () => {
  const said = (thread: Thread, name: string) =>
    new Promise((resolve) => thread.on("message", (message) => name in Object(message) && resolve(message[name])))

  it("are served over the port that they have anyway, and give back their leases when they end", async () => {
    const primary = Cluster.bootstrap()
    const before = primary.stats.links
    const [one, two] = [new Thread(script("thread")), new Thread(script("thread"))]
    for (const thread of [one, two]) primary.serve(thread)
    const began = said(one, "began")
    one.postMessage({ load: "endless" })
    await began
    const there = said(two, "value")
    two.postMessage({ load: "two's" })
    const here = createClusterCache<string>({ namespace: "threads" }).fetch("k", () => "here")
    await one.terminate()
    expect(["here", "two's"]).toContain(await here)
    expect(await there).toBe(await here)
    await two.terminate()
    expect(primary.stats.links).toBe(before)
  })
})

describe("a primary that is busy or gone", () => {
  it("blocked for a second: typed timeouts, then normal service, and no key stays leased", async () => {
    Cluster.bootstrap()
    await using workers = new Workers(2, "advanced", { WORKER_TIMEOUT: "300" })
    const [one, two] = workers.handles
    const [blocked, key] = [newKey(), newKey()]
    expect((await one!.job<{ answer: string }>("get", { key })).answer).toBe("nothing")
    await two!.job("get", { key })
    const got = one!.job<{ answer: string; took: number }>("get", { key })
    const asked = two!.job<Array<string>>("ask", { key: blocked, callers: 5, fetcher: "quick" })
    // The jobs are on their way before this process stops.
    await new Promise((resolve) => setImmediate(resolve))
    const until = performance.now() + 1_000
    while (performance.now() < until);
    const { answer, took } = await got
    expect(answer).toBe("failed: CACHE_GET_FAILED: AdapterError Unavailable")
    expect(took).toBeGreaterThan(250)
    expect(took).toBeLessThan(950)
    expect(await asked).toEqual(Array.from({ length: 5 }, () => "failed: CACHE_GET_FAILED"))
    expect(workers.handles.flatMap((handle) => handle.fetches)).toEqual([])
    // The lease that was granted after its caller was gone is given back: the next caller need not wait for its end.
    const since = performance.now()
    expect(await one!.job("ask", { key: blocked, callers: 3, fetcher: "quick" })).toEqual(["value", "value", "value"])
    expect(performance.now() - since).toBeLessThan(5_000)
    expect(fetchesOf(workers)).toHaveLength(1)
  })

  it("killed: pending and later calls fail at once", async () => {
    const primary = fork(fileURLToPath(script("primary")), {
      serialization: "advanced"
    })
    await once(primary, "message")
    const adapter = ClusterAdapter.make({ port: primary, commandTimeout: 10_000 })
    await run(adapter.read("a"))
    primary.kill("SIGSTOP")
    const underWay = failureOf(adapter.read("a"))
    const watched = failureOf(Effect.scoped(Effect.flatten(adapter.watch!("a"))))
    await sleep(20)
    primary.kill("SIGKILL")
    await once(primary, "exit")
    const exited = performance.now()
    expect(await underWay).toMatchObject({ reason: "Unavailable", message: "the primary is gone" })
    expect(await watched).toMatchObject({ reason: "Unavailable" })
    expect(await failureOf(adapter.read("a"))).toMatchObject({ reason: "Unavailable" })
    expect(performance.now() - exited).toBeLessThan(2_000)
  })

  it("missing: the failure names the remedy", async () => {
    const silent = { send: () => true, on: () => {}, off: () => {} }
    const adapter = ClusterAdapter.make({ port: silent, commandTimeout: 100 })
    const failure = await failureOf(adapter.read("a"))
    expect(failure.message).toContain("bootstrap()")
    expect(failure.message).toContain("PM2")
  })
})

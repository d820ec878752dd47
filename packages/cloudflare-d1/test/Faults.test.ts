/** A D1 that is silent, gone, cut off or new: bounded, typed, and well again without another adapter. */
import {
  answered,
  ask,
  failureOf,
  hitOf,
  lead,
  lifetime,
  minute,
  run,
  sleep,
  tagOf,
  text
} from "@cache-locking/conformance-kit/testing"
import { suiteUnderFaults } from "@cache-locking/conformance-kit/vitest"
import { FaultProxy, WorkersBackend, WorkersBridge } from "@cache-locking/test-servers"
import { proxyTo, serverOfFile } from "@cache-locking/test-servers/vitest"
import { afterAll, afterEach, expect, it } from "vitest"
import { D1Adapter } from "../src/index.ts"

const commandTimeout = 1_000
const backend = await serverOfFile(WorkersBackend.start())
const proxy = await FaultProxy.start({ target: backend })
const database = WorkersBridge.d1(proxy.url())
const adapter = D1Adapter.make({ database, setup: true, commandTimeout })
afterEach(() => proxy.heal())
afterAll(() => proxy.stop())

suiteUnderFaults({
  name: "D1",
  within: 5_000,
  open: async () => {
    const network = await proxyTo(backend)
    return {
      adapter: D1Adapter.make({ database: WorkersBridge.d1(network.url()), setup: true, commandTimeout }),
      network
    }
  },
  emptied: async () => {
    const own = await WorkersBackend.start()
    let next: WorkersBackend | undefined
    const restart = async () => {
      await own.stop()
      next = await WorkersBackend.start(own.port)
    }
    const close = () => (next ?? own).stop()
    return { adapter: D1Adapter.make({ database: own.database(), setup: true, commandTimeout }), restart, close }
  }
})

it("requests sent during a silence grant nothing twice", async () => {
  await answered(adapter.read("k"))
  proxy.blackhole()
  const operations = ["acquire", "read", "delete", "acquireMany"]
  const errors = await Promise.all([
    failureOf(adapter.acquire("silent", ask("me"))),
    failureOf(adapter.read("k")),
    failureOf(adapter.delete("k")),
    failureOf(adapter.acquireMany!(["a", "b"], ask("me")))
  ])
  expect(errors.map(({ operation }) => operation)).toEqual(operations)
  await proxy.heal()
  const found = await answered(adapter.acquire("silent", ask("me")))
  expect(found._tag).toBe("Leader")
  expect(await tagOf(adapter, "silent")).toBe("Follower")
})

it("connections that are cut: typed errors, then answers", async () => {
  for (let round = 0; round < 5; round++) {
    const asked = Promise.allSettled(
      Array.from({ length: 20 }, (_, at) => run(adapter.acquire(`cut${round}`, ask(`${at}`))))
    )
    await sleep(round)
    proxy.cut()
    const settled = await asked
    const failed = settled.filter(({ status }) => status === "rejected") as Array<PromiseRejectedResult>
    for (const { reason } of failed) expect(reason).toMatchObject({ _tag: "AdapterError", reason: "Unavailable" })
    const leaders = settled.filter((one) => one.status === "fulfilled" && one.value._tag === "Leader")
    expect(leaders.length).toBeLessThanOrEqual(1)
    const found = await answered(adapter.acquire(`cut${round}`, ask("after")))
    expect(["Leader", "Follower"]).toContain(found._tag)
  }
})

it("a fill whose reply is lost is there", async () => {
  const { token } = await lead(adapter, "filled")
  proxy.dropReplies(1)
  const fill = adapter.fill("filled", { token, value: text("v"), lifetime: lifetime(minute) })
  expect((await failureOf(fill)).retryable).toBe(true)
  expect(await answered(fill)).toBe(false)
  expect((await hitOf(adapter, "filled")).value).toEqual(text("v"))
})

/** A D1 that is silent, gone, cut off or new: bounded, typed, and well again without another adapter. */
import type { AdapterError } from "@cache-locking/core"
import { FaultProxy, WorkersBridge } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import { D1Adapter } from "../src/index.ts"
import * as Backend from "./fixtures/Backend.ts"
import { ask, failureOf, hit, lead, lifetime, minute, run, sleep, text, value } from "./fixtures/Support.ts"

let backend: Backend.Backend
let proxy: FaultProxy
let adapter: ReturnType<typeof D1Adapter.make>
beforeAll(async () => {
  backend = await Backend.start()
  proxy = await FaultProxy.start({ target: { host: "127.0.0.1", port: backend.port, url: backend.url } })
  adapter = D1Adapter.make({ database: WorkersBridge.d1(proxy.url()), setup: true, commandTimeout: 1_000 })
})
afterEach(() => proxy.heal())
afterAll(async () => {
  await proxy.stop()
  await backend[Symbol.asyncDispose]()
})

/** Until it answers: connections come back by themselves. */
const answered = async <A>(verb: Effect.Effect<A, AdapterError>): Promise<A> => {
  for (let attempt = 0; ; attempt++) {
    const exit = await run(Effect.result(verb))
    if (exit._tag === "Success") return exit.success
    if (!exit.failure.retryable || attempt === 40) throw exit.failure
    await sleep(50)
  }
}

const lives = lifetime(minute)

it("silence is an error that may pass, in bounded time, and what was sent meanwhile grants nothing twice", async () => {
  await answered(adapter.put("k", { value: value(1), lifetime: lives }))
  proxy.blackhole()
  const began = performance.now()
  const errors = await Promise.all([
    failureOf(adapter.acquire("silent", ask("me"))),
    failureOf(adapter.read("k")),
    failureOf(adapter.delete("k")),
    failureOf(adapter.acquireMany!(["a", "b"], ask("me")))
  ])
  expect(performance.now() - began).toBeLessThan(5_000)
  expect(new Set(errors.map(({ reason }) => reason))).toEqual(new Set(["Unavailable"]))
  expect(errors.map(({ operation }) => operation)).toEqual(["acquire", "read", "delete", "acquireMany"])
  await proxy.heal()
  const found = await answered(adapter.acquire("silent", ask("me")))
  expect(found._tag).toBe("Leader")
  expect((await run(adapter.acquire("silent", ask("you"))))._tag).toBe("Follower")
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

it("a reply that is lost: asked again, the same owner leads with the same token", async () => {
  proxy.dropReplies(1)
  expect((await failureOf(adapter.acquire("lost", ask("me")))).retryable).toBe(true)
  const { token } = await answered(Effect.promise(() => lead(adapter, "lost")))
  expect((await run(adapter.acquire("lost", ask("you"))))._tag).toBe("Follower")
  proxy.dropReplies(1)
  expect((await failureOf(adapter.fill("lost", { token, value: text("v"), lifetime: lives }))).retryable).toBe(true)
  expect(await answered(adapter.fill("lost", { token, value: text("v"), lifetime: lives }))).toBe(false)
  expect(hit(await run(adapter.acquire("lost", ask("you")))).value).toEqual(text("v"))
})

it("killed and there again, empty: the same adapter goes on, and an old token is worth nothing", async () => {
  const { token } = await lead(adapter, "killed")
  await run(adapter.put("k", { value: value(1), lifetime: lives }))
  hit(await run(adapter.acquire("k", ask("me"))))
  const { port } = backend
  await backend[Symbol.asyncDispose]()
  expect((await failureOf(adapter.read("k"))).reason).toBe("Unavailable")
  backend = await Backend.start(port)
  expect(await answered(adapter.fill("killed", { token, value: text("late"), lifetime: lives }))).toBe(false)
  expect((await run(adapter.acquire("k", ask("me"))))._tag).toBe("Leader")
})

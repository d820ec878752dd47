import type { IncomingMessage } from "node:http"
import { type Adapter, AdapterError, type ListingAdapter } from "@cache-locking/core"
import { FaultProxy, httpCommands, S3Moto, type Server, timers, timersDownTo } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest"
import { S3Adapter } from "../src/index.ts"
import { gatewayTo } from "./fixtures/Gateway.ts"
import {
  ask,
  bucket,
  clientFor,
  failureOf,
  hit,
  lead,
  lifetime,
  makeBucket,
  minute,
  run,
  sleep,
  text,
  value
} from "./fixtures/Support.ts"

const commandTimeout = 400

let server: Server
beforeAll(async () => {
  server = await S3Moto.start({ own: true })
  await makeBucket(server.url)
})
afterAll(() => server?.stop())

const unhandled: Array<unknown> = []
const collect = (error: unknown) => unhandled.push(error)
beforeEach(() => {
  unhandled.length = 0
  process.on("unhandledRejection", collect)
  process.on("uncaughtException", collect)
})
afterEach(async () => {
  await sleep(20)
  process.off("unhandledRejection", collect)
  process.off("uncaughtException", collect)
  expect(unhandled).toEqual([])
})

const opened = async (prefix: string, more: Partial<S3Adapter.Options> = {}) => {
  const proxy = await FaultProxy.start({ target: server, reader: httpCommands })
  onTestFinished(async () => {
    await proxy.heal()
    await proxy.stop()
  })
  const client = clientFor(proxy.url())
  return { proxy, client, adapter: S3Adapter.make({ client, bucket, prefix, commandTimeout, ...more }) }
}

const verbs = (adapter: ListingAdapter): ReadonlyArray<Effect.Effect<unknown, AdapterError>> => [
  adapter.acquire("k", ask("me")),
  adapter.fill("k", { token: "t" as never, value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.abandon("k", { token: "t" as never }),
  adapter.renew("k", { token: "t" as never, leaseFor: 1_000 }),
  adapter.delete("k"),
  adapter.put("k", { value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.read("k"),
  adapter.touch("k", { freshFor: 1_000 }),
  adapter.deleteMany!(["k"]),
  Stream.runCollect(adapter.keys(""))
]

/** All verbs fail, typed, retryable and in time. */
const expectUnavailable = async (adapter: ListingAdapter) => {
  const began = performance.now()
  for (const error of await Promise.all(verbs(adapter).map(failureOf))) {
    expect(error).toBeInstanceOf(AdapterError)
    expect(error).toMatchObject({ adapter: "s3", reason: "Unavailable", retryable: true })
    expect(`${error.message}${String(error.cause)}`).not.toContain("secret")
  }
  expect(performance.now() - began).toBeLessThan(commandTimeout + 1_500)
}

/** The same adapter works again, once the store does. */
const recovers = async (adapter: Adapter) => {
  const putting = adapter.put("after", { value: value(1), lifetime: lifetime(minute) })
  await expect.poll(() => run(Effect.isSuccess(putting)), { interval: 50 }).toBe(true)
  expect((await run(adapter.acquire("after", ask("you"))))._tag).toBe("Hit")
}

it("bounds a server that stalls", async () => {
  const { adapter } = await opened("stalls")
  await server.pause()
  try {
    await expectUnavailable(adapter)
  } finally {
    await server.resume()
  }
  await recovers(adapter)
})

it("bounds a network that swallows everything, and goes on after it", async () => {
  const { adapter, proxy } = await opened("swallows")
  proxy.blackhole()
  await expectUnavailable(adapter)
  await proxy.heal()
  await recovers(adapter)
})

it("bounds a server that is gone, and connections that break", async () => {
  const { adapter, proxy } = await opened("gone")
  await proxy.refuse()
  proxy.cut()
  await expectUnavailable(adapter)
  await proxy.heal()
  await recovers(adapter)
  proxy.limitBytes(20)
  await expectUnavailable(adapter)
  await proxy.heal()
  await recovers(adapter)
})

it("bounds an answer that stops in the middle of a large value", async () => {
  const { adapter, proxy } = await opened("middle")
  await run(adapter.put("k", { value: { bytes: new Uint8Array(1_000_000) }, lifetime: lifetime(minute) }))
  proxy.limitBytes(200_000)
  expect(await failureOf(adapter.acquire("k", ask("me")))).toMatchObject({
    reason: "Unavailable",
    operation: "acquire"
  })
  await proxy.heal()
  expect((await run(adapter.acquire("k", ask("me"))))._tag).toBe("Hit")
})

it("who asks again after a lost reply leads with the same token, and what is filled again is there", async () => {
  const { adapter, proxy } = await opened("replies")
  await run(adapter.read("k"))
  proxy.dropReplies(1, { after: "PUT" })
  expect(await failureOf(adapter.acquire("k", ask("me")))).toMatchObject({ reason: "Unavailable" })
  const { token } = await lead(adapter, "k")
  expect((await lead(adapter, "k")).token).toBe(token)
  proxy.dropReplies(1, { after: "PUT" })
  const fill = adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) })
  expect(await failureOf(fill)).toMatchObject({ reason: "Unavailable" })
  expect(await run(fill)).toBe(false)
  expect((await run(adapter.acquire("k", ask("me"))))._tag).toBe("Hit")
})

it("what the client itself sends again makes no second lease, and loses no fill", async () => {
  let losing = 0
  const loses = ({ method, url }: IncomingMessage) => method === "PUT" && url!.includes("/leases/") && losing-- > 0
  const client = clientFor(await gatewayTo(server.url, { loses }), { maxAttempts: 3 })
  const adapter = S3Adapter.make({ client, bucket, prefix: "retries", inlineBytes: 1, commandTimeout: "5 seconds" })
  for (const given of [value(1), text("a value of its own")]) {
    const key = `${given.bytes.byteLength} bytes`
    losing = 1
    const { token } = await lead(adapter, key)
    expect((await run(adapter.acquire(key, ask("you"))))._tag).toBe("Follower")
    losing = 1
    expect(await run(adapter.fill(key, { token, value: given, lifetime: lifetime(minute) }))).toBe(true)
    expect(losing).toBeLessThan(1)
    expect(hit(await run(adapter.acquire(key, ask("you")))).value).toEqual(given)
  }
})

it("who was overtaken before the client sent its write again is told so", async () => {
  let losing = 0
  const other = S3Adapter.make({ client: clientFor(server.url), bucket, prefix: "overtaken" })
  const loses = ({ method }: IncomingMessage) => method === "PUT" && losing-- > 0
  const meanwhile = () => run(other.delete("k"))
  const client = clientFor(await gatewayTo(server.url, { loses, meanwhile }), { maxAttempts: 3 })
  const adapter = S3Adapter.make({ client, bucket, prefix: "overtaken", commandTimeout: "5 seconds" })
  const { token } = await lead(adapter, "k")
  losing = 1
  expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
  expect(losing).toBeLessThan(1)
  expect((await run(other.read("k"))).value).toBe(undefined)
})

it("finds a server that came back empty: no value, no lease", async () => {
  const own = await S3Moto.start({ own: true })
  onTestFinished(() => own.stop())
  await makeBucket(own.url)
  const adapter = S3Adapter.make({ client: clientFor(own.url), bucket, prefix: "empty" })
  const { token } = await lead(adapter, "k")
  await run(adapter.put("seen", { value: value(1), lifetime: lifetime(minute) }))
  await own.kill()
  expect(await failureOf(adapter.renew("k", { token, leaseFor: 1_000 }))).toMatchObject({ reason: "Unavailable" })
  await own.restart()
  await makeBucket(own.url)
  expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
  expect((await run(adapter.acquire("seen", ask("you"))))._tag).toBe("Leader")
})

it("a caller that leaves takes its request along", async () => {
  const { adapter, client, proxy } = await opened("leaves")
  const signals: Array<AbortSignal> = []
  const { send } = client
  client.send = ((...args: [unknown, { readonly abortSignal: AbortSignal }]) => {
    signals.push(args[1].abortSignal)
    return (send as (...args: ReadonlyArray<unknown>) => unknown).apply(client, args)
  }) as typeof send
  proxy.blackhole()
  const reading = Effect.runFork(adapter.read("k"))
  await expect.poll(() => signals.length).toBe(1)
  expect(signals[0]!.aborted).toBe(false)
  await run(Fiber.interrupt(reading))
  expect(signals[0]!.aborted).toBe(true)
})

it("leaves no timer and no socket behind", async () => {
  const { adapter, client, proxy } = await opened("leaks")
  await recovers(adapter)
  const before = timers()
  await proxy.refuse()
  proxy.cut()
  for (let i = 0; i < 3; i++) await expectUnavailable(adapter)
  await proxy.heal()
  await recovers(adapter)
  client.destroy()
  await expect.poll(() => proxy.stats.open).toBe(0)
  expect(await timersDownTo(before)).toBeLessThanOrEqual(before)
})

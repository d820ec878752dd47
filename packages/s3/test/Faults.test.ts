import type { IncomingMessage } from "node:http"
import {
  ask,
  expectRecovery,
  expectUnavailable,
  failureOf,
  hitOf,
  lead,
  lifetime,
  minute,
  put,
  recorded,
  run,
  tagOf,
  text,
  value
} from "@cache-locking/conformance-kit/testing"
import { failOnUnhandled, suiteUnderFaults } from "@cache-locking/conformance-kit/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { expect, it } from "vitest"
import { S3Adapter } from "../src/index.ts"
import { gatewayTo } from "./fixtures/Gateway.ts"
import { anotherServer, bucket, clientFor, makeBucket, ownServer, proxyOf } from "./fixtures/Support.ts"

const commandTimeout = 400

const within = commandTimeout + 1_500
const server = await ownServer()
failOnUnhandled()

const opened = async (prefix: string) => {
  const proxy = await proxyOf(server)
  const client = clientFor(proxy.url())
  return { proxy, client, adapter: S3Adapter.make({ client, bucket, prefix, commandTimeout }) }
}

suiteUnderFaults({
  name: "S3",
  within,
  server,
  granting: "PUT",
  open: async () => {
    const prefix = crypto.randomUUID()
    const { adapter, client, proxy } = await opened(prefix)
    return { adapter, network: proxy, secrets: [prefix], sent: recorded(proxy).take, close: () => client.destroy() }
  },
  emptied: async () => {
    const own = await anotherServer()
    const adapter = S3Adapter.make({ client: clientFor(own.url), bucket, prefix: "empty" })
    const restart = async () => {
      await own.kill()
      expect(await failureOf(adapter.read("k"))).toMatchObject({ reason: "Unavailable" })
      await own.restart()
      await makeBucket(own.url)
    }
    return { adapter, restart }
  }
})

it("bounds connections that break in the middle of every answer", async () => {
  const { adapter, proxy } = await opened("broken")
  proxy.limitBytes(20)
  await expectUnavailable(adapter, within)
  await proxy.heal()
  await expectRecovery(adapter)
})

it("bounds an answer that stops in the middle of a large value", async () => {
  const { adapter, proxy } = await opened("middle")
  await put(adapter, "k", { bytes: new Uint8Array(1_000_000) })
  proxy.limitBytes(200_000)
  expect(await failureOf(adapter.acquire("k", ask("me")))).toMatchObject({
    reason: "Unavailable",
    operation: "acquire"
  })
  await proxy.heal()
  expect(await tagOf(adapter, "k", "me")).toBe("Hit")
})

it("what is filled again after a lost reply is there", async () => {
  const { adapter, proxy } = await opened("replies")
  const { token } = await lead(adapter, "k")
  proxy.dropReplies(1, { after: "PUT" })
  const fill = adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) })
  expect(await failureOf(fill)).toMatchObject({ reason: "Unavailable" })
  expect(await run(fill)).toBe(false)
  expect(await tagOf(adapter, "k", "me")).toBe("Hit")
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
    expect(await tagOf(adapter, key)).toBe("Follower")
    losing = 1
    expect(await run(adapter.fill(key, { token, value: given, lifetime: lifetime(minute) }))).toBe(true)
    expect(losing).toBeLessThan(1)
    expect((await hitOf(adapter, key)).value).toEqual(given)
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

it("does not say that nothing was there when the client repeats a delete whose reply was lost", async () => {
  let losing = 0
  const other = S3Adapter.make({ client: clientFor(server.url), bucket, prefix: "deletes" })
  const loses = ({ method }: IncomingMessage) => method === "PUT" && losing-- > 0
  let meanwhile: (() => Promise<unknown>) | undefined
  const url = await gatewayTo(server.url, { loses, meanwhile: async () => meanwhile?.() })
  const client = clientFor(url, { maxAttempts: 3 })
  const adapter = S3Adapter.make({ client, bucket, prefix: "deletes", commandTimeout: "5 seconds" })
  for (const [key, next] of [["alone"], ["overtaken", () => lead(other, "overtaken")]] as const) {
    await put(other, key)
    meanwhile = next
    losing = 1
    expect(await run(adapter.delete(key))).toBe(true)
    expect(losing).toBeLessThan(1)
    losing = 0
    expect(await run(adapter.delete(key))).toBe(false)
  }
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

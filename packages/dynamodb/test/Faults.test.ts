import {
  allVerbs,
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
  sleep,
  tagOf,
  value
} from "@cache-locking/conformance-kit/testing"
import { failOnUnhandled, suiteUnderFaults } from "@cache-locking/conformance-kit/vitest"
import type { Adapter } from "@cache-locking/core"
import type { FaultProxy } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { beforeEach, expect, it } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { clientOf, overTable, proxyOf, tableOn } from "./fixtures/Support.ts"

const commandTimeout = 250
const table = "faults"
const within = commandTimeout + 1_500

await overTable(table, (own) => {
  failOnUnhandled()
  let proxy: FaultProxy
  let client: ReturnType<typeof clientOf>
  let adapter: Adapter
  let prefix: string
  /** The same, for calls that must succeed on a machine of any speed. */
  let patient: Adapter

  beforeEach(async () => {
    proxy = await proxyOf(own)
    client = clientOf(proxy.url())
    prefix = crypto.randomUUID()
    adapter = DynamoDbAdapter.make({ client, table, prefix, commandTimeout })
    // A server that was just started takes its time for the first of each kind.
    patient = DynamoDbAdapter.make({ client, table, prefix: "patient", commandTimeout: 10_000 })
    for (const [, call] of allVerbs(patient)) await run(call)
  })

  suiteUnderFaults({
    name: "DynamoDB",
    within,
    server: own,
    lateness: 400,
    open: () => ({
      adapter,
      network: proxy,
      // The second is that of the credentials.
      secrets: [prefix, "a secret"],
      sent: recorded(proxy).take,
      close: () => client.destroy()
    }),
    emptied: async () => {
      const restart = async () => {
        await own.restart()
        const gone = await failureOf(
          Effect.retry(patient.read("k"), { times: 20, while: ({ retryable }) => retryable })
        )
        expect(gone).toMatchObject({ reason: "Rejected", message: expect.stringContaining("no table") })
        await tableOn(own, table)
      }
      return { adapter: patient, restart }
    }
  })

  it("gives up the connections of requests that nobody waits for any more", async () => {
    proxy.blackhole()
    await expectUnavailable(adapter, within)
    await proxy.heal()
    await expect.poll(() => proxy.stats.open).toBe(0)
    await expectRecovery(adapter)
  })

  it("goes on over cut connections, by the SDK's own retries", async () => {
    for (let round = 0; round < 10; round++) {
      const asking = lead(patient, `cut${round}`)
      await sleep(round % 4)
      proxy.cut()
      const { token } = await asking
      const filling = run(patient.fill(`cut${round}`, { token, value: value(1), lifetime: lifetime(minute) }))
      proxy.cut()
      expect(await filling).toBe(true)
    }
  })

  it("ends replies that stop in the middle", async () => {
    const bytes = new Uint8Array(200_000).fill(1)
    await put(patient, "large", { bytes })
    proxy.limitBytes(50_000)
    expect(await failureOf(patient.acquire("large", ask("me")))).toMatchObject({ reason: "Unavailable" })
    await proxy.heal()
    expect((await hitOf(patient, "large", "me")).value.bytes).toEqual(bytes)
  })

  it("gives a caller that asks again after a lost reply the same lease", async () => {
    const hasty = DynamoDbAdapter.make({ client, table, prefix: "patient", commandTimeout })
    proxy.dropReplies()
    const error = await failureOf(hasty.acquire("lost", ask("me")))
    expect(error).toMatchObject({ reason: "Unavailable" })
    await proxy.heal()
    const first = await lead(patient, "lost", "me")
    expect((await lead(patient, "lost", "me")).token).toBe(first.token)
    expect(await tagOf(patient, "lost")).toBe("Follower")
  })

  it("does not say that nothing was there when the SDK repeats a delete whose reply was lost", async () => {
    const deleted = async (key: string) => {
      await put(patient, key)
      proxy.dropReplies(1, { after: "DELETEITEM" })
      return key
    }
    expect(await run(patient.delete(await deleted("once")))).toBe(true)
    // Alone: beside another key, the reply of that one might be the one that is lost.
    expect(await run(patient.deleteMany!([await deleted("many")]))).toBe(1)
    expect(await run(patient.delete("once"))).toBe(false)
    expect(await run(patient.deleteMany!(["once", "many"]))).toBe(0)
    expect(await tagOf(patient, "once")).toBe("Leader")
  })

  it("gives a lease back although the reply was lost, and says so", async () => {
    const { token } = await lead(patient, "back")
    proxy.dropReplies(1, { after: "DELETEITEM" })
    expect(await run(patient.abandon("back", { token }))).toBe(true)
    expect(await run(patient.abandon("back", { token }))).toBe(false)
  })

  it("a killed server is unavailable, and used again when it is back", async () => {
    await own.kill()
    await expectUnavailable(adapter, within)
    await own.restart()
    await tableOn(own, table)
    await expectRecovery(adapter)
  })

  /** A client whose first so many requests are throttled. */
  const throttled = (times: number) => {
    const client = clientOf(proxy.url())
    let left = times
    client.middlewareStack.add(
      (next) => async (args) => {
        if (left-- <= 0) return next(args)
        throw Object.assign(new Error("slow down"), {
          name: "ProvisionedThroughputExceededException",
          $fault: "client",
          $metadata: { httpStatusCode: 400 }
        })
      },
      { step: "deserialize", priority: "high" }
    )
    return client
  }

  it("a delete that was throttled before it found nothing says so", async () => {
    const slow = DynamoDbAdapter.make({ client: throttled(1), table, prefix: "slow", commandTimeout: 10_000 })
    expect(await run(slow.delete("nothing"))).toBe(false)
  })

  it("throttling passes by the SDK's own retries", async () => {
    const slow = DynamoDbAdapter.make({ client: throttled(1), table, prefix: "slow", commandTimeout: 10_000 })
    await put(slow, "k")
    expect(await tagOf(slow, "k", "me")).toBe("Hit")
  })

  it("throttling that lasts fails in time, as temporary", async () => {
    const client = throttled(Number.POSITIVE_INFINITY)
    await expectUnavailable(DynamoDbAdapter.make({ client, table, prefix: "throttled", commandTimeout }), within)
  })

  it("a process that was busy for longer than its bound has the reply that came in time", async () => {
    await put(patient, "busy")
    const hasty = DynamoDbAdapter.make({ client: clientOf(own.url), table, prefix: "patient", commandTimeout: 1_000 })
    await run(hasty.read("busy"))
    await own.pause()
    const asking = run(Effect.result(hasty.acquire("busy", ask("me"))))
    // Sent, and not answered.
    await sleep(200)
    await own.resume()
    // Out of the phase of timers: when it is over, they come before what can be read.
    await new Promise(setImmediate)
    const end = performance.now() + 1_500
    while (performance.now() < end);
    expect(await asking).toMatchObject({ _tag: "Success", success: { _tag: "Hit" } })
  })

  it("gives the request up when its caller leaves", async () => {
    const { open } = proxy.stats
    proxy.blackhole()
    const fiber = Effect.runFork(adapter.acquire("left", ask("me")))
    await sleep(20)
    await run(Fiber.interrupt(fiber))
    await proxy.heal()
    // Its connection is of no use to anybody else.
    await expect.poll(() => proxy.stats.open).toBe(open - 1)
    expect(await tagOf(patient, "left")).toBe("Leader")
  })
})

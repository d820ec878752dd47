import { type Adapter, AdapterError } from "@cache-locking/core"
import { type FaultProxy, type Server, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import {
  ask,
  clientOf,
  failureOf,
  hit,
  lead,
  lifetime,
  minute,
  proxyTo,
  run,
  serverWith,
  sleep,
  tableOn,
  text,
  value
} from "./fixtures/Support.ts"

const commandTimeout = 250
const table = "faults"
const server = await serverWith(table)

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

const verbs = (adapter: Adapter): ReadonlyArray<Effect.Effect<unknown, AdapterError>> => [
  adapter.acquire("k", ask("me")),
  adapter.fill("k", { token: "t" as never, value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.fill("k", { token: "t" as never, lifetime: lifetime(minute) }),
  adapter.abandon("k", { token: "t" as never }),
  adapter.abandon("k", { token: "t" as never, cooldown: 1_000, cause: text("a secret") }),
  adapter.renew("k", { token: "t" as never, leaseFor: 1_000 }),
  adapter.delete("k"),
  adapter.put("k", { value: text("a secret"), lifetime: lifetime(minute) }),
  adapter.read("k"),
  adapter.touch("k", { freshFor: 1_000 }),
  adapter.acquireMany!(["k", "l"], ask("me")),
  adapter.deleteMany!(["k", "l"]),
  Stream.runCollect(adapter.keys!(""))
]

/** All verbs fail, typed, retryable and in time. */
const expectUnavailable = async (adapter: Adapter) => {
  const began = performance.now()
  for (const error of await Promise.all(verbs(adapter).map(failureOf))) {
    expect(error).toBeInstanceOf(AdapterError)
    expect(error).toMatchObject({ adapter: "dynamodb", reason: "Unavailable", retryable: true })
    expect(`${error.message} ${JSON.stringify(error)} ${error.cause}`).not.toContain("secret")
  }
  expect(performance.now() - began).toBeLessThan(commandTimeout + 1_500)
}

const recovers = async (adapter: Adapter) => {
  const began = performance.now()
  for (;;) {
    try {
      await run(adapter.put("after", { value: value(1), lifetime: lifetime(minute) }))
      break
    } catch (error) {
      if (performance.now() - began > 10_000) throw error
      await sleep(20)
    }
  }
  const found = await run(Effect.retry(adapter.acquire("after", ask("you")), { times: 20 }))
  expect(found._tag).toBe("Hit")
}

describe.skipIf(server instanceof Unavailable)("faults", () => {
  const own = () => server as Server
  let proxy: FaultProxy
  let client: ReturnType<typeof clientOf>
  let adapter: Adapter
  /** The same, for what is to succeed however slow the machine is. */
  let patient: Adapter

  beforeEach(async () => {
    proxy = await proxyTo(own())
    client = clientOf(proxy.url())
    adapter = DynamoDbAdapter.make({ client, table, prefix: crypto.randomUUID(), commandTimeout })
    // A server that was just started takes its time for the first of each kind.
    patient = DynamoDbAdapter.make({ client, table, prefix: "patient", commandTimeout: 10_000 })
    for (const verb of verbs(patient)) await run(verb)
  })

  it("bounds a server that stalls", async () => {
    await own().pause()
    try {
      await expectUnavailable(adapter)
      await expectUnavailable(adapter)
    } finally {
      await own().resume()
    }
    await recovers(adapter)
  })

  it("bounds a network that swallows everything", async () => {
    proxy.blackhole()
    await expectUnavailable(adapter)
    await proxy.heal()
    // Requests that nobody waits for any more were given up, and their connections with them.
    await expect.poll(() => proxy.stats.open).toBe(0)
    await recovers(adapter)
  })

  it("bounds a server that refuses connections, and sends nothing late", async () => {
    await proxy.refuse()
    proxy.cut()
    await expectUnavailable(adapter)
    proxy.resetCommands()
    await proxy.heal()
    await sleep(400)
    expect(proxy.commands()).toEqual([])
    await recovers(adapter)
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
    await run(patient.put("large", { value: { bytes }, lifetime: lifetime(minute) }))
    proxy.limitBytes(50_000)
    expect(await failureOf(patient.acquire("large", ask("me")))).toMatchObject({ reason: "Unavailable" })
    await proxy.heal()
    expect(hit(await run(patient.acquire("large", ask("me")))).value.bytes).toEqual(bytes)
  })

  it("answers again who asks again after a lost reply: the same lease", async () => {
    const hasty = DynamoDbAdapter.make({ client, table, prefix: "patient", commandTimeout })
    proxy.dropReplies()
    const error = await failureOf(hasty.acquire("lost", ask("me")))
    expect(error).toMatchObject({ reason: "Unavailable" })
    await proxy.heal()
    const first = await lead(patient, "lost", "me")
    expect((await lead(patient, "lost", "me")).token).toBe(first.token)
    expect((await run(patient.acquire("lost", ask("you"))))._tag).toBe("Follower")
  })

  it("a server that came back empty has no table; set up again, it goes on without a new adapter", async () => {
    const { token } = await lead(patient, "before")
    await own().restart()
    const gone = await failureOf(
      Effect.retry(patient.read("before"), { times: 20, while: ({ retryable }) => retryable })
    )
    expect(gone).toMatchObject({ reason: "Rejected", message: expect.stringContaining("no table") })
    await tableOn(own(), table)
    expect(await run(patient.renew("before", { token, leaseFor: 1_000 }))).toBe(false)
    expect(await run(patient.fill("before", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
    expect((await run(patient.acquire("before", ask("you"))))._tag).toBe("Leader")
    await recovers(adapter)
  })

  it("a killed server is told as unavailable, and found again when it is back", async () => {
    await own().kill()
    await expectUnavailable(adapter)
    await own().restart()
    await tableOn(own(), table)
    await recovers(adapter)
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

  it("throttling passes by the SDK's own retries", async () => {
    const slow = DynamoDbAdapter.make({ client: throttled(1), table, prefix: "slow", commandTimeout: 10_000 })
    await run(slow.put("k", { value: value(1), lifetime: lifetime(minute) }))
    expect((await run(slow.acquire("k", ask("me"))))._tag).toBe("Hit")
  })

  it("throttling that lasts is told, in time, as what may pass", async () => {
    const client = throttled(Number.POSITIVE_INFINITY)
    await expectUnavailable(DynamoDbAdapter.make({ client, table, prefix: "throttled", commandTimeout }))
  })

  it("a process that was busy for longer than its bound has the reply that came in time", async () => {
    await run(patient.put("busy", { value: value(1), lifetime: lifetime(minute) }))
    const hasty = DynamoDbAdapter.make({ client: clientOf(own().url), table, prefix: "patient", commandTimeout: 1_000 })
    await run(hasty.read("busy"))
    await own().pause()
    const asking = run(Effect.result(hasty.acquire("busy", ask("me"))))
    // Sent, and not answered.
    await sleep(200)
    await own().resume()
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
    expect((await run(patient.acquire("left", ask("you"))))._tag).toBe("Leader")
  })

  it("leaves no listener, timer or connection behind", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
    const sockets = () => proxy.stats.open
    client.destroy()
    await expect.poll(sockets).toBe(0)
    const before = timers()
    for (let i = 0; i < 3; i++) {
      proxy.blackhole()
      await expectUnavailable(adapter)
      await proxy.heal()
      await proxy.refuse()
      proxy.cut()
      await expectUnavailable(adapter)
      await proxy.heal()
    }
    await recovers(adapter)
    client.destroy()
    await expect.poll(sockets).toBe(0)
    await sleep(2 * commandTimeout)
    expect(timers()).toBeLessThanOrEqual(before)
  })
})

import { hitOf, lead, lifetime, minute, put, run, sleep, value, watching } from "@cache-locking/conformance-kit/testing"
import { RedisSentinel } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { Redis } from "ioredis"
import { expect, it, onTestFinished } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { closing } from "./fixtures/Support.ts"

const sentinel = await serverOfFile(RedisSentinel.start({ own: true, downAfter: 500 }))

it("works before and after a failover, with the scripts, the watchers and the replicated data", async () => {
  const { name, sentinels } = sentinel
  const client = new Redis({ sentinels: [...sentinels], name })
  client.on("error", () => {})
  onTestFinished(() => client.disconnect())
  const adapter = closing(RedisAdapter.make({ client, prefix: "sentinel", commandTimeout: 500 }))

  const { token } = await lead(adapter, "led")
  await put(adapter, "kept")
  for (let i = 0; i < 2; i++) await hitOf(adapter, "kept")
  const first = await watching(adapter, "led")
  // Unreplicated data is lost in a failover, so the test waits for the replica.
  expect(await client.wait(1, 10_000)).toBe(1)

  await sentinel.killMaster()
  // The connection is lost: watchers ask again.
  await first.woken
  await first.leave()
  const began = performance.now()
  let failures = 0
  for (;;) {
    const renewed = await run(Effect.result(adapter.renew("led", { token, leaseFor: 10_000 })))
    if (renewed._tag === "Success") {
      // The lease was replicated, and the new master, which has never seen the script, knows it.
      expect(renewed.success).toBe(true)
      break
    }
    expect(renewed.failure).toMatchObject({ reason: "Unavailable" })
    failures++
    if (performance.now() - began > 20_000) throw renewed.failure
    await sleep(20)
  }
  expect(failures).toBeGreaterThan(0)
  await hitOf(adapter, "kept")
  const second = await watching(adapter, "led")
  expect(await run(adapter.fill("led", { token, value: value(2), lifetime: lifetime(minute) }))).toBe(true)
  await second.woken
  await second.leave()
  expect((await hitOf(adapter, "led")).value.bytes).toEqual(Uint8Array.of(2))
})

import { orUnavailable, RedisSentinel, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Redis } from "ioredis"
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { ask, closing, hit, lead, lifetime, minute, run, sleep, value } from "./fixtures/Support.ts"

let sentinel: RedisSentinel | Unavailable
beforeAll(async () => {
  sentinel = await orUnavailable(RedisSentinel.start({ own: true, downAfter: 500 }))
})
afterAll(async () => {
  if (!(sentinel instanceof Unavailable)) await sentinel?.stop()
})

it("works before and after a failover, with the scripts, the watchers and what was replicated", async (context) => {
  if (sentinel instanceof Unavailable) return context.skip(sentinel.message)
  const { name, sentinels } = sentinel
  const client = new Redis({ sentinels: [...sentinels], name })
  client.on("error", () => {})
  onTestFinished(() => client.disconnect())
  const adapter = closing(RedisAdapter.make({ client, prefix: "sentinel", commandTimeout: 500 }))

  const { token } = await lead(adapter, "led")
  await run(adapter.put("kept", { value: value(1), lifetime: lifetime(minute) }))
  for (let i = 0; i < 2; i++) hit(await run(adapter.acquire("kept", ask("you"))))
  const scope = Scope.makeUnsafe()
  const woken = await run(Scope.provide(adapter.watch!("led"), scope))
  // What was not replicated is lost: here it is.
  expect(await client.wait(1, 10_000)).toBe(1)

  await sentinel.killMaster()
  // The connection is lost: whoever waits asks again.
  await run(woken)
  await run(Scope.close(scope, Exit.void))
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
  hit(await run(adapter.acquire("kept", ask("you"))))
  await run(
    Effect.scoped(
      Effect.gen(function* () {
        const changed = yield* adapter.watch!("led")
        expect(yield* adapter.fill("led", { token, value: value(2), lifetime: lifetime(minute) })).toBe(true)
        yield* changed
      })
    )
  )
  expect(hit(await run(adapter.acquire("led", ask("you")))).value.bytes).toEqual(Uint8Array.of(2))
})

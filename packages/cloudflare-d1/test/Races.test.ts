/** Several connections at once, often: one winner, and nothing between. */

import type { Adapter } from "@cache-locking/core"
import { WorkersBundle, WorkersRuntime } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { D1Adapter } from "../src/index.ts"
import * as Backend from "./fixtures/Backend.ts"
import { ask, lead, lifetime, minute, run, sleep, text } from "./fixtures/Support.ts"

const rounds = 200

let backend: Backend.Backend
let peers: ReadonlyArray<Adapter>
beforeAll(async () => {
  backend = await Backend.start()
  await run(D1Adapter.setup({ database: backend.database() }))
  peers = Array.from({ length: 4 }, () => D1Adapter.make({ database: backend.database() }))
})
afterAll(() => backend[Symbol.asyncDispose]())

const peer = (at: number): Adapter => peers[at % peers.length]!

/** So many rounds, some of them beside each other. */
const each = (round: (at: number) => Promise<void>): Promise<unknown> =>
  run(
    Effect.forEach(
      Array.from({ length: rounds }, (_, at) => at),
      (at) => Effect.promise(() => round(at)),
      { concurrency: 4 }
    )
  )

it("fifty ask for a missing key inside a Worker: one leads", async () => {
  const script = await WorkersBundle.bundle(new URL("./fixtures/RacesWorker.ts", import.meta.url))
  const miniflare = await WorkersRuntime.start({
    modules: true,
    script,
    compatibilityDate: "2026-07-01",
    d1Databases: ["DB"]
  })
  try {
    const found = await (await miniflare.dispatchFetch(`http://worker/?rounds=${rounds}&callers=50`)).json()
    expect(found).toEqual({ rounds, leaders: rounds, followers: rounds * 49, winners: Array(rounds).fill(1) })
  } finally {
    await miniflare.dispose()
  }
})

it("fifty ask for an expired key in batches: one leads each", async () => {
  for (let at = 0; at < 20; at++) {
    const keys = Array.from({ length: 10 }, (_, key) => `batch${at}-${key}`)
    for (const key of keys) await run(peer(0).put(key, { value: text("old"), lifetime: lifetime(0) }))
    const found = await Promise.all(
      Array.from({ length: 10 }, (_, caller) => run(peer(caller).acquireMany!(keys, ask(`${caller}`))))
    )
    for (const key of keys.keys()) {
      expect(found.map((answers) => answers[key]!._tag).filter((tag) => tag === "Leader").length).toBe(1)
    }
  }
})

it("a fill against a delete: the delete has the last word", () =>
  each(async (at) => {
    const key = `delete${at}`
    const { token } = await lead(peer(at), key)
    const fill = run(peer(at).fill(key, { token, value: text("late"), lifetime: lifetime(minute) }))
    const gone = run(peer(at + 1).delete(key))
    expect(await gone).toBe(await fill)
    expect((await run(peer(at + 2).read(key))).value).toBe(undefined)
  }))

it("a fill against the end of its lease: held, or another leads, and never both", () =>
  each(async (at) => {
    const key = `expiry${at}`
    const { token } = await lead(peer(at), key, "first", { leaseFor: 15 })
    await sleep(8 + (at % 8))
    const [held, found] = await Promise.all([
      run(peer(at).fill(key, { token, value: text("first"), lifetime: lifetime(minute) })),
      run(peer(at + 1).acquire(key, ask("second")))
    ])
    expect(held && found._tag === "Leader").toBe(false)
    const { value } = await run(peer(at + 2).read(key))
    expect(value !== undefined).toBe(held)
  }))

it("a forced load against a fill: what was begun before never overwrites what was begun after", () =>
  each(async (at) => {
    const key = `force${at}`
    const { token } = await lead(peer(at), key, "first")
    const [held, forced] = await Promise.all([
      run(peer(at).fill(key, { token, value: text("first"), lifetime: lifetime(minute) })),
      lead(peer(at + 1), key, "second", { force: true })
    ])
    const second = { token: forced.token, value: text("second"), lifetime: lifetime(minute) }
    expect(await run(peer(at + 1).fill(key, second))).toBe(true)
    expect((await run(peer(at + 2).read(key))).value).toEqual(text("second"))
    if (!held) expect(await run(peer(at).fill(key, { ...second, token }))).toBe(false)
  }))

/** Values in Postgres, leases elsewhere. */

import { suite } from "@cache-locking/conformance-kit/vitest"
import type { Adapter, ListingAdapter } from "@cache-locking/core"
import { MemoryAdapter } from "@cache-locking/core"
import { Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import postgres from "postgres"
import { afterAll, describe, expect, expectTypeOf, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { ask, clientOf, hit, lead, lifetime, minute, missing, run, serverOf, text } from "./fixtures/Support.ts"

const server = await serverOf()
afterAll(() => (server instanceof Unavailable ? undefined : server.stop()))

describe.skipIf(server instanceof Unavailable)(`values in Postgres, leases elsewhere${missing(server)}`, () => {
  const url = server instanceof Unavailable ? "" : server.url

  it("shares a table and a prefix with a cache, which does not list them", async () => {
    const client = clientOf(url)
    const leases = MemoryAdapter.make()
    await run(PostgresAdapter.setup({ client }))
    const whole = PostgresAdapter.make({ client })
    const apart = PostgresAdapter.make({ client, leases })
    const { token } = await lead(apart, "k")
    expect(await run(apart.fill("k", { token, value: text("v"), lifetime: lifetime(minute) }))).toBe(true)
    expect(hit(await run(apart.acquire("k", ask("you")))).value.bytes).toEqual(text("v").bytes)
    expect((await run(whole.acquire("k", ask("me"))))._tag).toBe("Leader")
    expect([...(await run(Stream.runCollect(whole.keys(""))))]).toEqual(["k"])
    expect([...(await run(Stream.runCollect(apart.keys(""))))]).toEqual(["k"])
    expect((await run(leases.read("k"))).value?.bytes.byteLength).toBeLessThan(100)
    expect(apart.identity).toBe(PostgresAdapter.make({ client, leases }).identity)
    expect(apart.close).toBeUndefined()
  })

  it("lists keys by type if the leases do, and refuses what is no adapter", () => {
    const client = clientOf(url)
    const plain = MemoryAdapter.make() as Adapter
    expectTypeOf(PostgresAdapter.make({ client })).toEqualTypeOf<ListingAdapter>()
    expectTypeOf(PostgresAdapter.make({ client, leases: MemoryAdapter.make() })).toEqualTypeOf<ListingAdapter>()
    expectTypeOf(PostgresAdapter.make({ client, leases: plain })).toEqualTypeOf<Adapter>()
    expect(() => PostgresAdapter.make({ client, leases: {} as never })).toThrow(/leases is not an adapter/)
  })

  if (server instanceof Unavailable) return
  suite(
    {
      name: "Postgres with leases in memory",
      claims: {
        watch: true,
        keys: true,
        changes: true,
        acquireMany: false,
        deleteMany: false,
        hitUnsafe: false,
        close: false,
        clock: "process"
      },
      peers: async () => {
        const leases = MemoryAdapter.make()
        const clients = [1, 2].map(() => postgres(server.url, { max: 4, onnotice: () => {} }))
        const [here, there] = clients as [PostgresAdapter.Client, PostgresAdapter.Client]
        await Effect.runPromise(PostgresAdapter.setup({ client: here, table: "beside" }))
        const make = (client: PostgresAdapter.Client) =>
          PostgresAdapter.make({ client, table: "beside", leases: { ...leases, identity: {} } })
        return {
          here: make(here),
          there: make(there),
          close: async () => void (await Promise.all(clients.map((client) => client.end({ timeout: 1 }))))
        }
      }
    },
    { concurrent: true }
  )
})

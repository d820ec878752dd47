/** Values in Postgres, leases elsewhere. */
import { hitOf, listed, load, run, tagOf, text } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import type { Adapter, ListingAdapter } from "@cache-locking/core"
import { MemoryAdapter } from "@cache-locking/core"
import { Postgres } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { describe, expect, expectTypeOf, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { claims, clientOf } from "./fixtures/Support.ts"

const server = await serverOfFile(Postgres.start({ own: true }))
const { url } = server

describe("values in Postgres, leases elsewhere", () => {
  it("shares a table and a prefix with a cache, which does not list them", async () => {
    const client = clientOf(url)
    const leases = MemoryAdapter.make()
    await run(PostgresAdapter.setup({ client }))
    const whole = PostgresAdapter.make({ client })
    const apart = PostgresAdapter.make({ client, leases })
    await load(apart, "k", text("v"))
    expect((await hitOf(apart, "k")).value.bytes).toEqual(text("v").bytes)
    expect(await tagOf(whole, "k", "me")).toBe("Leader")
    expect(await listed(whole)).toEqual(["k"])
    expect(await listed(apart)).toEqual(["k"])
    expect((await run(leases.read("k"))).value?.bytes.byteLength).toBeLessThan(100)
    expect(apart.identity).toBe(PostgresAdapter.make({ client, leases }).identity)
    expect(apart.close).toBeUndefined()
  })

  it("lists keys by type if the leases do, and refuses a value that is no adapter", () => {
    const client = clientOf(url)
    const plain = MemoryAdapter.make() as Adapter
    expectTypeOf(PostgresAdapter.make({ client })).toEqualTypeOf<ListingAdapter>()
    expectTypeOf(PostgresAdapter.make({ client, leases: MemoryAdapter.make() })).toEqualTypeOf<ListingAdapter>()
    expectTypeOf(PostgresAdapter.make({ client, leases: plain })).toEqualTypeOf<Adapter>()
    expect(() => PostgresAdapter.make({ client, leases: {} as never })).toThrow(/leases is not an adapter/)
  })

  suite(
    {
      name: "Postgres with leases in memory",
      claims: { ...claims, acquireMany: false, deleteMany: false, close: false, clock: "process" },
      peers: async () => {
        const leases = MemoryAdapter.make()
        const clients = [1, 2].map(() => postgres(url, { max: 4, onnotice: () => {} }))
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

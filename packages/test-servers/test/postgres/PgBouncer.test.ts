import connect from "postgres"
import { expect, it } from "vitest"
import { PgBouncer, Postgres } from "../../src/index.ts"
import { orSkip } from "../fixtures/Support.ts"

it("hands the connections of one Postgres out to many, and comes back at the same address", async (context) => {
  await using postgres = await orSkip(context, Postgres.start())
  await using bouncer = await orSkip(context, PgBouncer.start({ target: postgres, poolSize: 2 }))
  expect(bouncer.origin.version).toMatch(/^\d+\.\d+/)
  const clients = Array.from({ length: 10 }, () =>
    connect(bouncer.url, { max: 1, prepare: false, fetch_types: false, onnotice: () => {} })
  )
  const backends = async () => {
    const rows = await Promise.all(clients.map((client) => client`select pg_backend_pid() as pid, pg_sleep(0.01)`))
    return new Set(rows.map(([row]) => row!["pid"])).size
  }
  try {
    expect(await backends()).toBeLessThanOrEqual(2)
    await bouncer.kill()
    await expect(clients[0]!`select 1`).rejects.toThrow()
    await bouncer.restart()
    expect(await backends()).toBeLessThanOrEqual(2)
  } finally {
    await Promise.all(clients.map((client) => client.end({ timeout: 1 })))
  }
})

/** The setups on Cloudflare's D1 and KV. `here` reaches the Worker through a proxy that is slow, and can fall silent. */
import { D1Adapter } from "@cache-locking/cloudflare-d1"
import { KvAdapter } from "@cache-locking/cloudflare-kv"
import type { Claims, Records } from "@cache-locking/conformance-kit"
import type { Adapter } from "@cache-locking/core"
import { WorkersBridge } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { type AdapterSetup, type AdapterSetups, noClaims, proxied } from "./AdapterSetup.ts"
import { runtimeFacts, workerd } from "./Workerd.ts"

const claims: Claims = { ...noClaims, keys: true, acquireMany: true, deleteMany: true, clock: "store" }

const table = "conformance"

/** The lease's row of a key. D1 expires nothing by itself: an expired row is one that a sweep may remove. */
const recordsOf = (database: ReturnType<typeof WorkersBridge.d1>): Records => {
  const sql = `SELECT expires_at, CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now FROM ${table} WHERE key = ?1`
  return (key) =>
    Effect.promise(async () => {
      const { results } = await database.prepare(sql).bind(key).all()
      return (results as Array<{ expires_at: number; now: number }>).map(({ expires_at, now }) => ({
        name: key,
        expiresIn: expires_at >= Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : expires_at - now
      }))
    })
}

const setupOf = (title: string, packageName: string, within: number, peer: (url: string) => Adapter): AdapterSetup => ({
  title,
  package: packageName,
  open: Effect.gen(function* () {
    const { href, port } = yield* workerd({
      script: WorkersBridge.script,
      d1Databases: ["DB"],
      kvNamespaces: ["KV"]
    })
    const { stall, url } = yield* proxied({ host: "127.0.0.1", port: Number(port), url: href }, { delay: 2, within })
    const observer = WorkersBridge.d1(href)
    yield* Effect.orDie(D1Adapter.setup({ database: observer, table }))
    return {
      server: runtimeFacts(),
      setup: {
        name: title,
        claims,
        peers: () => ({ here: peer(url), there: peer(href) }),
        records: recordsOf(observer),
        stall
      }
    }
  })
})

/** The largest value of KV is 25 MiB, which a busy machine takes some time to transfer. */
const largestTakes = 8_000

export const cloudflareSetups: AdapterSetups = {
  "cloudflare-d1": setupOf("Cloudflare D1", "@cache-locking/cloudflare-d1", 15_000, (url) =>
    D1Adapter.make({ database: WorkersBridge.d1(url), table, commandTimeout: "5 seconds" })
  ),
  // The tests of its package check how long versions live in KV.
  "cloudflare-kv": setupOf(
    "Cloudflare KV, with leases in D1",
    "@cache-locking/cloudflare-kv",
    2 * largestTakes,
    (url) =>
      KvAdapter.make({
        namespace: WorkersBridge.kv(url),
        commandTimeout: largestTakes,
        leases: D1Adapter.make({ database: WorkersBridge.d1(url), table, commandTimeout: "3 seconds" })
      })
  )
}

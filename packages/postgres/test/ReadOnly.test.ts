/** A server that takes no writes for a while, as in a failover, and connections that stay read-only after it. */
import {
  answered,
  ask,
  hitOf,
  load,
  put,
  run,
  sleep,
  text,
  until,
  verdictOf
} from "@cache-locking/conformance-kit/testing"
import { failOnUnhandled } from "@cache-locking/conformance-kit/vitest"
import { Adapter } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { Postgres } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import postgres from "postgres"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { adapterOf, clientOf, closing } from "./fixtures/Support.ts"

const server = await serverOfFile(Postgres.start({ own: true }))
const { url } = server
failOnUnhandled()

/** Its one session stays writable. */
const eye = postgres(url, { max: 1, onnotice: () => {}, max_lifetime: null })
afterAll(() => eye.end({ timeout: 1 }))

/** New sessions are read-only, and stay it, as those that lead to a former primary. */
const readOnly = {
  on: () => eye`alter database postgres set default_transaction_read_only = on`,
  off: () => eye`alter database postgres reset default_transaction_read_only`
}
afterEach(async () => {
  await readOnly.off()
})

const write = (adapter: Adapter) =>
  run(Effect.result(adapter.put("written", { value: text("v"), lifetime: { fresh: 60_000, stale: 0 } })))

/** Writes until the server takes it, and returns how often it did not. */
const healed = async (adapter: Adapter): Promise<number> => {
  let refused = 0
  await until("a connection that takes writes", async () => {
    const written = await write(adapter)
    if (written._tag === "Success") return true
    expect(verdictOf(written.failure)).toBe("passes")
    refused++
    await sleep(20)
    return false
  })
  return refused
}

const overLayer = (use: (adapter: Adapter) => Promise<void>): Promise<void> => {
  const layer = PostgresAdapter.layerConfig({ url: Config.succeed(Redacted.make(url)), setup: Config.succeed(false) })
  return run(
    Effect.provide(
      Effect.flatMap(Adapter, (adapter) => Effect.promise(() => use(adapter))),
      layer
    )
  )
}

describe("connections that stay read-only", () => {
  it("of layerConfig's own client are replaced, with the one that listens", async () => {
    await adapterOf(url)
    await readOnly.on()
    await overLayer(async (adapter) => {
      expect((await write(adapter))._tag).toBe("Failure")
      await readOnly.off()
      expect(await healed(adapter)).toBeGreaterThanOrEqual(0)
      // Watchers listen where the writes happen.
      await load(adapter, "k")
      await hitOf(adapter, "k")
    })
    // The former client's connections end too: the eye's own, and those of the first adapter's client, are left.
    const connections = async () => {
      const [row] = await eye`select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'`
      return row!["n"]
    }
    await expect.poll(connections).toBeLessThanOrEqual(1 + 4)
  })

  it("of layerConfig's own client wake its watchers when they are replaced", async () => {
    await adapterOf(url)
    await readOnly.on()
    await overLayer(async (adapter) => {
      const woken = run(Effect.scoped(Effect.flatMap(adapter.watch!("watched"), (change) => change)))
      await sleep(200)
      expect((await write(adapter))._tag).toBe("Failure")
      await readOnly.off()
      await healed(adapter)
      await woken
    })
  })

  it("of the user's own client go with their lifetime, as the README says", async () => {
    await adapterOf(url)
    await readOnly.on()
    const client = clientOf(url, { max_lifetime: 1 })
    const adapter = closing(PostgresAdapter.make({ client }))
    expect((await write(adapter))._tag).toBe("Failure")
    await readOnly.off()
    expect(await healed(adapter)).toBeGreaterThan(0)
  })
})

describe("a server that can only be read", () => {
  it("still answers a fresh value of a key that this process has not seen, one by one and many at once", async () => {
    const { adapter } = await adapterOf(url)
    for (const key of ["a", "b", "c"]) await put(adapter, key, text(key))
    await readOnly.on()
    const blind = closing(PostgresAdapter.make({ client: clientOf(url) }))
    const raw = await run(Effect.result(blind.acquire("a", ask("me"))))
    // The first refusal tells that the server can only be read; the cache asks once more by itself.
    if (raw._tag === "Failure") expect(verdictOf(raw.failure)).toBe("passes")
    expect(new TextDecoder().decode((await hitOf(blind, "a")).value.bytes)).toBe("a")
    const many = await run(blind.acquireMany!(["c", "b"], ask("me")))
    expect(many.map(({ _tag }) => _tag)).toEqual(["Hit", "Hit"])
  })

  it("serves it to a cache whose first question it is", async () => {
    const { adapter } = await adapterOf(url)
    const writer = createCache<string>({ adapter, name: "shared", cacheTtl: "1 minute" })
    expect(await writer.getOrSet("k", () => "stored")).toBe("stored")
    await readOnly.on()
    const reader = createCache<string>({
      adapter: closing(PostgresAdapter.make({ client: clientOf(url) })),
      name: "shared",
      onAdapterError: "fetch"
    })
    let loads = 0
    const load = () => {
      loads++
      return "loaded anew"
    }
    expect([await reader.getOrSet("k", load), await reader.getOrSet("k", load), loads]).toEqual(["stored", "stored", 0])
    // A key that is not there cannot be led, and is fetched.
    expect([await reader.getOrSet("other", load), loads]).toEqual(["loaded anew", 1])
    await Promise.all([writer.close(), reader.close()])
  })

  it("and takes writes again later, is found to, with both kinds of client", async () => {
    const { adapter } = await adapterOf(url)
    await put(adapter, "before", text("v"))
    const flip = async (to: "on" | "off") => {
      await eye.unsafe(`alter system set default_transaction_read_only = ${to}`)
      await eye`select pg_reload_conf()`
    }
    await overLayer(async (own) => {
      expect(await healed(own)).toBe(0)
      await flip("on")
      try {
        await until("a server without writes", async () => (await write(own))._tag === "Failure")
        expect((await write(adapter))._tag).toBe("Failure")
        expect(await answered(own.acquire("before", ask("me")))).toMatchObject({ _tag: "Hit" })
      } finally {
        // This session is read-only by default too.
        await eye.unsafe("set default_transaction_read_only = off")
        await flip("off")
      }
      await healed(own)
      await healed(adapter)
    })
  })
})

/** What the setups over Cloudflare's stores share: the vendor's runtime, reached over HTTP, and a proxy in the way. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { Records } from "@cache-locking/conformance-kit"
import { FaultProxy, WorkersBridge, WorkersRuntime } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { ServerFacts } from "./AdapterSetup.ts"

/** The package says no version by itself; the file beside its code does. */
const versionOf = (name: string): string => {
  let folder = dirname(createRequire(import.meta.url).resolve(name))
  for (;;) {
    const text = tryRead(join(folder, "package.json"))
    const found = text === undefined ? undefined : (JSON.parse(text) as { readonly name?: string; version?: string })
    if (found?.name === name && found.version !== undefined) return found.version
    if (folder === dirname(folder)) return "unknown"
    folder = dirname(folder)
  }
}

const tryRead = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

/** Replies through the proxy come so many milliseconds late. */
const replyDelay = 2

/** A Worker with both bindings, and a proxy before it, for as long as the scope. */
export const worker = Effect.gen(function* () {
  const miniflare = yield* Effect.acquireRelease(
    Effect.promise(() =>
      WorkersRuntime.start({ modules: true, script: WorkersBridge.script, d1Databases: ["DB"], kvNamespaces: ["KV"] })
    ),
    (miniflare) => Effect.promise(() => miniflare.dispose())
  )
  const { href: url, port } = yield* Effect.promise(() => miniflare.ready)
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => FaultProxy.start({ target: { host: "127.0.0.1", port: Number(port), url } })),
    (proxy) => Effect.promise(() => proxy.stop())
  )
  proxy.delay(replyDelay)
  return { url, proxy }
})

/** The lease's row of a key. D1 expires nothing by itself: a row expires when a sweep may take it. */
export const recordsOf = (database: ReturnType<typeof WorkersBridge.d1>, table: string): Records => {
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

/** What was judged upon. */
export const runtime = (): ServerFacts => ({
  name: "workerd (miniflare)",
  version: versionOf("miniflare"),
  how: "installed"
})

/** Nothing comes through the proxy while the scope lasts. */
export const stallOf = (proxy: FaultProxy, within: number) => ({
  begin: Effect.acquireRelease(
    Effect.sync(() => proxy.blackhole()),
    () =>
      Effect.promise(async () => {
        await proxy.heal()
        proxy.delay(replyDelay)
      })
  ),
  within
})

/**
 * A server process under load, for rolling restarts: eight callers ask for twenty keys again and again. It shuts down in the
 * documented order when it is told to: it takes no more requests, closes the cache, then the client.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { createCache } from "@cache-locking/core/promise"
import { backendOf } from "../../src/backends/Backends.ts"

/** Tells a process what to do. */
export type Order =
  /** Shut down. */
  | { readonly loads: "await" | "end" }
  /** End in the middle of a load, without closing anything. */
  | "crash"

/** The report of a process that shut down. */
export interface Served {
  readonly calls: number
  readonly loads: number
  /** Milliseconds that the longest call took. */
  readonly longest: number
  /** The errors of calls, by kind. */
  readonly failures: ReadonlyArray<string>
}

export const keys: ReadonlyArray<string> = Array.from({ length: 20 }, (_, i) => `key-${i}`)

/** Milliseconds of a lease: far longer than a load, so that a lease that nobody holds is felt. */
export const leaseTtl = 20_000

const serve = async (owner: string, url: string, prefix: string): Promise<void> => {
  const { adapter, close } = await (await backendOf("redis")).connect(url, {
    prefix,
    commandTimeout: 5_000,
    client: "hasty"
  })
  const cache = createCache<number>({ adapter, ownerId: owner, leaseTtl, waitMax: "1 minute", cacheTtl: 200 })
  let order: Order | undefined
  let calls = 0
  let answered = 0
  let loads = 0
  let longest = 0
  const failures: Array<string> = []
  const fetcher = async () => {
    loads++
    await sleep(100)
    if (order === "crash") process.exit()
    return loads
  }
  const caller = async () => {
    while (order === undefined || order === "crash") {
      const began = performance.now()
      await cache.getOrSet(keys[calls++ % keys.length]!, fetcher).catch((error) => failures.push(String(error._tag)))
      longest = Math.max(longest, performance.now() - began)
      if (++answered === 50) process.send!("serving")
      await sleep(5)
    }
  }
  const callers = Promise.all(Array.from({ length: 8 }, caller))
  process.on("message", async (given: Order) => {
    order = given
    if (given === "crash") return
    await cache.close(given)
    await callers
    await close()
    process.send!({ calls, loads, longest, failures } satisfies Served)
    process.disconnect()
  })
}

const [self, ...given] = process.argv.slice(1)
if (self === fileURLToPath(import.meta.url)) await serve(...(given as [string, string, string]))

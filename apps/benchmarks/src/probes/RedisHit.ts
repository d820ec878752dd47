/** Hits in Redis, asked for by many callers at a time. */
import * as Effect from "effect/Effect"
import type { FiberPeer, Peer } from "../peers/Peer.ts"
import type { Address, Probe, Sample } from "../Suite.ts"
import { type Batches, batches } from "../work/Batch.ts"
import { asCrowd, stamp, together } from "../work/Crowd.ts"
import { check, type Load, Origin } from "../work/Origin.ts"

export const bounds = { ttl: 600_000, leaseTtl: 15_000 }

/** A cache over Redis, asked by many callers at a time. */
export interface Crowd {
  /** Asks for `n` keys, at most 50 at a time. */
  readonly ask: (keyOf: (i: number) => string, n: number) => Promise<void>
  readonly close: () => Promise<void>
}

export type Gather<P> = (peer: P, load: Load, at: Address, who: string) => Promise<Crowd>

/** With values in the place that `kind` names. */
export const overPromises =
  (kind: "redis" | "tagged" | "tiered"): Gather<Peer> =>
  async (peer, load, at, who) => {
    const opened = await peer[kind]!(load, at, bounds)
    return {
      ask: (keyOf, n) =>
        asCrowd(n, async (i) => {
          const key = keyOf(i)
          check(await opened.get(key), key, who)
        }),
      close: opened.close
    }
  }

export const overEffects: Gather<FiberPeer> = async (peer, load, at, who) => {
  const opened = await peer.redis!((key) => Effect.promise(() => load(key)), at, bounds)
  return {
    ask: async (keyOf, n) => {
      let next = 0
      const caller = Effect.fnUntraced(function* () {
        while (next < n) {
          const key = keyOf(next++)
          check(opened.valueOf(yield* opened.get(key)), key, who)
        }
      })
      await Effect.runPromise(Effect.all(Array.from({ length: together }, caller), { concurrency: "unbounded" }))
    },
    close: opened.close
  }
}

/** A cache whose keys are all in Redis. */
export interface Warm {
  readonly crowd: Crowd
  readonly keyOf: (i: number) => string
  readonly origin: Origin
}

export const keys = 100

export const warm = async <P>(gather: Gather<P>, peer: P, at: Address, who: string): Promise<Warm> => {
  const origin = new Origin()
  const run = stamp()
  const crowd = await gather(peer, origin.load, at, who)
  const keyOf = (i: number) => `${run}:${i % keys}`
  await crowd.ask(keyOf, keys)
  // Some caches remember a value only after a read.
  await crowd.ask(keyOf, keys)
  return { crowd, keyOf, origin }
}

/** Asks for the keys again and again. */
export const again = (
  { crowd, keyOf, origin }: Warm,
  who: string,
  options: Pick<Batches, "by" | "quick" | "batch"> & { readonly also?: Sample }
): Promise<Probe> =>
  batches({
    ...options,
    unit: together,
    run: (n) => crowd.ask(keyOf, n),
    verify: () => origin.expect(keys, who),
    close: crowd.close
  })

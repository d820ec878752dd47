/** Many callers of a cache over Redis, and what they send. */
import { FaultProxy } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { batches } from "../Batch.ts"
import { asCrowd, stamp, together } from "../Crowd.ts"
import { check, type Load, Origin } from "../Origin.ts"
import type { FiberPeer, Peer } from "../peers/Peer.ts"
import type { Address, Probe, Setting } from "../Suite.ts"

export const bounds = { ttl: 600_000, leaseTtl: 15_000 }

/** A cache over Redis, asked by many callers at a time. */
export interface Crowd {
  /** Asks for `n` keys, at most 50 at a time. */
  readonly ask: (keyOf: (i: number) => string, n: number) => Promise<void>
  readonly close: () => Promise<void>
}

export type Gather<P> = (peer: P, load: Load, at: Address, who: string) => Promise<Crowd>

/** With values kept in the way that `kind` names. */
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

/** What one operation sends, told by a proxy between the client and Redis; the connection's own commands left out. */
export const commandsOf = async (
  redis: Address,
  operations: number,
  prepare: (
    at: Address
  ) => Promise<{ readonly opened: { readonly close: () => Promise<void> }; readonly work: () => Promise<void> }>
): Promise<number> => {
  await using proxy = await FaultProxy.start({ target: redis })
  const { opened, work } = await prepare({ host: proxy.host, port: proxy.port })
  proxy.resetCommands()
  await work()
  const commands = proxy.commands().length / operations
  await opened.close()
  return commands
}

/** Keys that are all there, asked for again and again. */
export const hit =
  <P>(gather: Gather<P>) =>
  async (peer: P, { quick, redis }: Setting, who: string): Promise<Probe> => {
    const keys = 100
    const warm = async (at: Address) => {
      const origin = new Origin()
      const run = stamp()
      const crowd = await gather(peer, origin.load, at, who)
      const keyOf = (i: number) => `${run}:${i % keys}`
      await crowd.ask(keyOf, keys)
      // Some learn of a value only by finding it.
      await crowd.ask(keyOf, keys)
      return { crowd, keyOf, origin }
    }
    const commands = await commandsOf(redis!, keys, async (at) => {
      const { crowd, keyOf } = await warm(at)
      return { opened: crowd, work: () => crowd.ask(keyOf, keys) }
    })
    const { crowd, keyOf, origin } = await warm(redis!)
    return batches({
      quick,
      batch: 250,
      unit: together,
      run: (n) => crowd.ask(keyOf, n),
      also: { commands },
      verify: () => origin.expect(keys, who),
      close: crowd.close
    })
  }

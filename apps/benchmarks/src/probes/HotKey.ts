/** A cache in which one key is hot. */
import * as Effect from "effect/Effect"
import type { FiberPeer, Peer } from "../peers/Peer.ts"
import type { Probe, Setting } from "../Suite.ts"
import { type Batches, batches } from "../work/Batch.ts"
import { check, Origin } from "../work/Origin.ts"
import { repeat } from "./FiberHit.ts"

const hot = "user:42"

export interface Crowd {
  readonly run: Batches["run"]
  readonly close: () => Promise<void>
}

/** A cache with this many entries, one of which is hot. */
export type Gather<P> = (peer: P, entries: number, who: string) => Promise<Crowd>

export const overPromises: Gather<Peer> = async (peer, entries, who) => {
  const origin = new Origin()
  const opened = await peer.memory!(origin.load, { maxEntries: entries + 1, ttl: undefined })
  for (let i = 1; i < entries; i++) await opened.get(`key:${i}`)
  await opened.get(hot)
  return {
    run: async (n) => {
      let value: string | undefined
      for (let i = 0; i < n; i++) value = await opened.get(hot)
      check(value, hot, who)
      origin.expect(entries, who)
    },
    close: opened.close
  }
}

export const overEffects: Gather<FiberPeer> = async (peer, entries, who) => {
  const origin = new Origin()
  const opened = await peer.memory!((key) => Effect.promise(() => origin.load(key)), {
    maxEntries: entries + 1,
    ttl: undefined
  })
  for (let i = 1; i < entries; i++) await Effect.runPromise(opened.get(`key:${i}`))
  await Effect.runPromise(opened.get(hot))
  return {
    run: async (n) => {
      check(opened.valueOf(await Effect.runPromise(repeat(opened.get, hot, n))), hot, who)
      origin.expect(entries, who)
    },
    close: opened.close
  }
}

/** The number of entries, including the hot one. */
export const many = ({ quick }: Setting): number => (quick ? 1_000 : 100_000)

/** The hot key among many others. */
export const among =
  <P>(gather: Gather<P>) =>
  async (peer: P, setting: Setting, who: string): Promise<Probe> =>
    batches({ by: setting.by, quick: setting.quick, ...(await gather(peer, many(setting), who)) })

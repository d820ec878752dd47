/** Hits in memory through a Promise. */
import type { Peer } from "../peers/Peer.ts"
import type { Setting } from "../Suite.ts"
import { batches } from "../work/Batch.ts"
import { check, Origin } from "../work/Origin.ts"

const key = "user:42"
export const hour = 3_600_000
const together = 1_000

/** One key, awaited again and again, one call after the other. */
export const one =
  (ttl: number | undefined) =>
  async (peer: Peer, { by, quick }: Setting, who: string) => {
    const origin = new Origin()
    const opened = await peer.memory!(origin.load, { maxEntries: 10_000, ttl })
    return batches({
      by,
      quick,
      run: async (n) => {
        let value: string | undefined
        for (let i = 0; i < n; i++) value = await opened.get(key)
        check(value, key, who)
      },
      verify: () => origin.expect(1, who),
      close: opened.close
    })
  }

/** One key, asked for many times before the first answer is awaited. */
export const many =
  (ttl: number | undefined) =>
  async (peer: Peer, { by, quick }: Setting, who: string) => {
    const origin = new Origin()
    const opened = await peer.memory!(origin.load, { maxEntries: 10_000, ttl })
    await opened.get(key)
    return batches({
      by,
      quick,
      unit: together,
      run: async (n) => {
        const asked = new Array<Promise<string>>(together)
        for (let done = 0; done < n; done += together) {
          for (let i = 0; i < together; i++) asked[i] = opened.get(key)
          const values = await Promise.all(asked)
          check(values[together - 1], key, who)
        }
      },
      verify: () => origin.expect(1, who),
      close: opened.close
    })
  }

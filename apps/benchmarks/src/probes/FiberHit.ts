/** Hits in memory inside a fiber. */
import * as Effect from "effect/Effect"
import type { FiberPeer } from "../peers/Peer.ts"
import type { Setting } from "../Suite.ts"
import { batches } from "../work/Batch.ts"
import { check, Origin } from "../work/Origin.ts"

export const key = "user:42"
/** Asks this many times in one fiber, one after the other. */
export const repeat = Effect.fnUntraced(function* (
  get: (key: string) => Effect.Effect<unknown>,
  key: string,
  n: number
) {
  let answer: unknown
  for (let i = 0; i < n; i++) answer = yield* get(key)
  return answer
})

/** One fiber asks for one key again and again. */
export const one =
  (ttl: number | undefined) =>
  async (peer: FiberPeer, { by, quick }: Setting, who: string) => {
    const origin = new Origin()
    const opened = await peer.memory!((key) => Effect.promise(() => origin.load(key)), { maxEntries: 10_000, ttl })
    return batches({
      by,
      quick,
      run: async (n) => check(opened.valueOf(await Effect.runPromise(repeat(opened.get, key, n))), key, who),
      verify: () => origin.expect(1, who),
      close: opened.close
    })
  }

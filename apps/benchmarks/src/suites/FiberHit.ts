import * as Effect from "effect/Effect"
import { batches } from "../Batch.ts"
import { check, Origin, valueOf } from "../Origin.ts"
import { CacheLockingFiber } from "../peers/CacheLocking.ts"
import { EffectCacheFiber } from "../peers/EffectCache.ts"
import { type FiberPeer, nothing } from "../peers/Peer.ts"
import type { Setting, Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { contender } from "./Contenders.ts"

const key = "user:42"
const hour = 3_600_000

/** Asks so many times in one fiber, one after the other. */
export const repeat = Effect.fnUntraced(function* (
  get: (key: string) => Effect.Effect<unknown>,
  key: string,
  n: number
) {
  let answer: unknown
  for (let i = 0; i < n; i++) answer = yield* get(key)
  return answer
})

const open =
  (ttl: number | undefined) =>
  async (peer: FiberPeer, { quick }: Setting, who: string) => {
    const origin = new Origin()
    const opened = await peer.memory!((key) => Effect.promise(() => origin.load(key)), { maxEntries: 10_000, ttl })
    return batches({
      quick,
      run: async (n) => check(opened.valueOf(await Effect.runPromise(repeat(opened.get, key, n))), key, who),
      verify: () => origin.expect(1, who),
      close: opened.close
    })
  }

/** Looks at its fiber and answers, as every cache must that reads the fiber's clock. */
const Floor: FiberPeer = {
  name: "an effect that only answers",
  packages: ["effect"],
  memory: (load) => {
    const value = valueOf(key)
    let loaded = false
    return {
      get: () => {
        if (loaded) return Effect.withFiber(() => Effect.succeed(value))
        loaded = true
        return load(key)
      },
      valueOf: (value: string) => value,
      close: nothing
    }
  }
}

export const FiberHit: Suite = {
  name: "fiber-hit",
  title: "Warm hit inside a fiber",
  about:
    "One fiber asks for one cached key again and again. `an effect that only answers` is `Effect.withFiber` giving a constant.",
  isolated: true,
  rounds: 18,
  generations: 3,
  metrics: [{ key: "time", title: "per hit", unit: "ns", ratio: true }],
  contenders: [
    contender(Floor, open(undefined), { floor: true }),
    contender(CacheLockingFiber, open(undefined), { as: "no TTL" }),
    contender(CacheLockingFiber, open(hour), { as: "TTL 1 h" }),
    contender(EffectCacheFiber, open(undefined), { as: "no TTL" }),
    contender(EffectCacheFiber, open(hour), { as: "TTL 1 h" })
  ],
  verdict: (rows) => rows.ours.map((name) => compared(rows, name, "time", speed)),
  targets: [
    {
      text: "without a TTL no slower than Effect's own `Cache.get` without one",
      met: ({ ratio }) => ratio(`${CacheLockingFiber.name} (no TTL)`, `${EffectCacheFiber.name} (no TTL)`, "time") <= 1
    },
    {
      text: "with a TTL no slower than Effect's own `Cache.get` with one",
      met: ({ ratio }) =>
        ratio(`${CacheLockingFiber.name} (TTL 1 h)`, `${EffectCacheFiber.name} (TTL 1 h)`, "time") <= 1
    }
  ]
}

import * as Effect from "effect/Effect"
import { CacheLockingFiber } from "../peers/CacheLocking.ts"
import { EffectCacheFiber } from "../peers/EffectCache.ts"
import { type FiberPeer, nothing } from "../peers/Peer.ts"
import { key, one } from "../probes/FiberHit.ts"
import { hour } from "../probes/PromiseHit.ts"
import type { Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { valueOf } from "../work/Origin.ts"
import { contender } from "./Contenders.ts"

/** Reads its fiber and answers, as every cache must that uses the fiber's clock. */
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
    contender(Floor, one(undefined), { floor: true }),
    contender(CacheLockingFiber, one(undefined), { as: "no TTL" }),
    contender(CacheLockingFiber, one(hour), { as: "TTL 1 h" }),
    contender(EffectCacheFiber, one(undefined), { as: "no TTL" }),
    contender(EffectCacheFiber, one(hour), { as: "TTL 1 h" })
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

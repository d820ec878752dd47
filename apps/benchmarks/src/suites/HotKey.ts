import { BareMap } from "../peers/Bare.ts"
import { CacheLocking, CacheLockingFiber } from "../peers/CacheLocking.ts"
import { EffectCacheFiber } from "../peers/EffectCache.ts"
import { LruCache } from "../peers/LruCache.ts"
import { type Crowd, type Gather, many, overEffects, overPromises } from "../probes/HotKey.ts"
import type { Probe, Setting, Suite } from "../Suite.ts"
import { calibrate, timed } from "../work/Batch.ts"
import { contender } from "./Contenders.ts"

const open =
  <P>(gather: Gather<P>) =>
  async (peer: P, setting: Setting, who: string): Promise<Probe> => {
    const alone = await gather(peer, 1, who)
    const among = await gather(peer, many(setting), who)
    const batch = async ({ run }: Crowd) => ({ run, n: await calibrate({ run, quick: setting.quick }) })
    const few = await batch(alone)
    const all = await batch(among)
    return {
      sample: async () => {
        const alone = await timed(few.run, few.n)
        const among = await timed(all.run, all.n)
        return { alone, among, times: among / alone }
      },
      close: async () => {
        await alone.close()
        await among.close()
      }
    }
  }

const timesOf = (x: number): string => `${x < 10 ? x.toFixed(2) : x.toFixed(0)} times`

export const HotKey: Suite = {
  name: "hot-key",
  title: "A hot key among 100,000 entries",
  about: "The same key again and again: in a cache that holds nothing else, and in one that holds 99,999 more. No TTL.",
  isolated: true,
  rounds: 10,
  generations: 2,
  metrics: [
    { key: "alone", title: "alone", unit: "ns" },
    { key: "among", title: "among 100,000", unit: "ns", ratio: true },
    { key: "times", title: "times slower", unit: "times" }
  ],
  contenders: [
    contender(BareMap, open(overPromises), { floor: true }),
    contender(LruCache, open(overPromises)),
    contender(CacheLocking, open(overPromises)),
    contender(CacheLockingFiber, open(overEffects)),
    contender(EffectCacheFiber, open(overEffects))
  ],
  verdict: ({ median, others, ours }) => [
    `Among 100,000 entries a hit costs, against alone: ${[...ours, ...others]
      .map((name) => `${timesOf(median(name, "times"))} in ${name}`)
      .join(", ")}. Effect's Cache deletes and inserts into a \`Map\` at every hit.`
  ],
  targets: [CacheLocking, CacheLockingFiber].map(({ name }) => ({
    text: `${name}: costs among 100,000 what it costs alone, within a fifth`,
    met: ({ median }) => median(name, "times") < 1.2
  }))
}

import { BareRedis6 } from "../peers/Bare.ts"
import { CacheLocking } from "../peers/CacheLocking.ts"
import { redisPeers } from "../peers/RedisPeers.ts"
import { overPromises } from "../probes/RedisHit.ts"
import type { Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { contender } from "./Contenders.ts"
import { hit } from "./RedisCrowd.ts"

const plain = hit(overPromises("redis"))
const tagged = hit(overPromises("tagged"))
const tags = [CacheLocking, ...redisPeers].filter((peer) => peer.tagged !== undefined)
const ours = `${CacheLocking.name} (one tag)`

export const TaggedHit: Suite = {
  name: "tagged-hit",
  title: "Hit in Redis of a value with a tag, 50 at a time",
  about:
    "As a hit in Redis above, without a tag and with one by which the value could be invalidated. " +
    "async-cache-dedupe invalidates by deleting the keys that a set in Redis lists, and so pays when it writes and when it invalidates.",
  isolated: true,
  redis: true,
  rounds: 10,
  metrics: [
    { key: "time", title: "per hit", unit: "ns", ratio: true },
    { key: "commands", title: "commands", unit: "count" }
  ],
  contenders: [
    contender(BareRedis6, plain, { floor: true }),
    ...tags.flatMap((peer) => [contender(peer, plain, { as: "no tag" }), contender(peer, tagged, { as: "one tag" })])
  ],
  verdict: (rows) => [compared(rows, ours, "time", speed)],
  targets: [{ text: "a tag costs at most one command more", met: ({ max }) => max(ours, "commands") <= 2 }]
}

import { BareNodeRedis, BareRedis5, BareRedis6 } from "../peers/Bare.ts"
import { CacheLocking, CacheLockingFiber } from "../peers/CacheLocking.ts"
import type { FiberPeer, Peer } from "../peers/Peer.ts"
import { redisPeers } from "../peers/RedisPeers.ts"
import { type Gather, overEffects, overPromises } from "../probes/RedisHit.ts"
import type { Address, Probe, Setting, Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { batches } from "../work/Batch.ts"
import { stamp, together } from "../work/Crowd.ts"
import { Origin } from "../work/Origin.ts"
import { contender } from "./Contenders.ts"
import { commandsOf, hit } from "./RedisCrowd.ts"

const miss =
  <P>(gather: Gather<P>) =>
  async (peer: P, { quick, redis }: Setting, who: string): Promise<Probe> => {
    const cold = async (at: Address) => {
      const origin = new Origin()
      const run = stamp()
      const crowd = await gather(peer, origin.load, at, who)
      let asked = 0
      return {
        crowd,
        run: async (n: number) => {
          const from = asked
          asked += n
          await crowd.ask((i) => `${run}:${from + i}`, n)
        },
        verify: () => origin.expect(asked, who)
      }
    }
    const commands = await commandsOf(redis!, 2 * together, async (at) => {
      const { crowd, run } = await cold(at)
      await run(together)
      return { opened: crowd, work: () => run(2 * together) }
    })
    const { crowd, run, verify } = await cold(redis!)
    return batches({ quick, batch: 250, unit: together, run, also: { commands }, verify, close: crowd.close })
  }

const contenders = (promises: ReturnType<typeof hit<Peer>>, effects: ReturnType<typeof hit<FiberPeer>>) => [
  contender(BareRedis6, promises, { floor: true }),
  contender(BareRedis5, promises, { floor: true }),
  contender(BareNodeRedis, promises, { floor: true }),
  contender(CacheLocking, promises),
  contender(CacheLockingFiber, effects),
  ...redisPeers.map((peer) => contender(peer, promises))
]

const verdict: Suite["verdict"] = (rows) => rows.ours.map((name) => compared(rows, name, "time", speed))

export const RedisHit: Suite = {
  name: "redis-hit",
  title: "Hit in Redis, 50 at a time",
  about:
    "100 keys of 100 bytes, all in Redis, and no near tier; 50 callers, each of which asks for the next key as soon as it has one. " +
    "_Commands_ are those that the client sends for one hit.",
  isolated: true,
  redis: true,
  rounds: 16,
  generations: 2,
  metrics: [
    { key: "time", title: "per hit", unit: "ns", ratio: true },
    { key: "commands", title: "commands", unit: "count" }
  ],
  contenders: contenders(hit(overPromises("redis")), hit(overEffects)),
  verdict,
  targets: [CacheLocking, CacheLockingFiber].flatMap(({ name }) => [
    { text: `${name}: one command for a hit`, met: ({ max }) => max(name, "commands") === 1 },
    {
      text: `${name}: at least 0.8 of the throughput of a plain \`GET\``,
      met: ({ ratio }) => ratio(BareRedis6.name, name, "time") >= 0.8
    }
  ])
}

export const RedisMiss: Suite = {
  name: "redis-miss",
  title: "Miss in Redis, 50 at a time",
  about:
    "Every key is new and its load ends at once. What is measured is the cache's own work: to ask, to lock if it locks, and to fill.",
  isolated: true,
  redis: true,
  rounds: 11,
  metrics: [
    { key: "time", title: "per miss", unit: "ns", ratio: true },
    { key: "commands", title: "commands", unit: "count" }
  ],
  contenders: contenders(miss(overPromises("redis")), miss(overEffects)),
  verdict: (rows) => [
    ...verdict(rows),
    "None of the others holds a lease: two of their processes that miss at the same time load twice, and the later fill wins."
  ],
  targets: [CacheLocking, CacheLockingFiber].map(({ name }) => ({
    text: `${name}: two commands for a leader's miss`,
    met: ({ max }) => max(name, "commands") === 2
  }))
}

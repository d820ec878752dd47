import { BareMap } from "../peers/Bare.ts"
import { CacheLocking } from "../peers/CacheLocking.ts"
import type { Opened, Peer } from "../peers/Peer.ts"
import { redisPeers } from "../peers/RedisPeers.ts"
import { bounds } from "../probes/RedisHit.ts"
import type { Address, Probe, Setting, Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { batches } from "../work/Batch.ts"
import { stamp } from "../work/Crowd.ts"
import { check, Origin } from "../work/Origin.ts"
import { contender } from "./Contenders.ts"
import { commandsOf } from "./RedisCrowd.ts"

const open = async (peer: Peer, { quick, redis }: Setting, who: string): Promise<Probe> => {
  const key = `tiered:${stamp()}`
  const warm = async (at: Address | undefined) => {
    const origin = new Origin()
    const opened: Opened =
      at === undefined
        ? await peer.memory!(origin.load, { maxEntries: 10_000, ttl: bounds.ttl })
        : await peer.tiered!(origin.load, at, bounds)
    const run = async (n: number): Promise<void> => {
      let value: string | undefined
      for (let i = 0; i < n; i++) value = await opened.get(key)
      check(value, key, who)
    }
    await run(3)
    return { origin, opened, run }
  }
  if (peer.tiered === undefined) {
    const { opened, run } = await warm(undefined)
    return batches({ quick, run, close: opened.close })
  }
  const hits = 100
  const commands = await commandsOf(redis!, hits, async (at) => {
    const { opened, run } = await warm(at)
    return { opened, work: () => run(hits) }
  })
  // Another process has loaded it by now.
  const { opened, origin, run } = await warm(redis!)
  return batches({
    quick,
    run,
    also: { commands },
    verify: () => origin.expect(0, who),
    close: opened.close
  })
}

const tiered = [CacheLocking, ...redisPeers].filter((peer) => peer.tiered !== undefined)

export const TieredHit: Suite = {
  name: "tiered-hit",
  title: "Warm hit in a near tier in front of Redis",
  about:
    "One key that is in Redis and, once asked for, in this process too; a change elsewhere drops the copy with cache-locking (its own push) " +
    "and bentocache (a bus), and the others, as set up here, do not notice it before the copy's TTL.",
  isolated: true,
  redis: true,
  rounds: 10,
  metrics: [
    { key: "time", title: "per hit", unit: "ns", ratio: true },
    { key: "commands", title: "commands", unit: "count" }
  ],
  contenders: [contender(BareMap, open, { floor: true }), ...tiered.map((peer) => contender(peer, open))],
  verdict: (rows) => [compared(rows, CacheLocking.name, "time", speed)],
  targets: [{ text: "no command", met: ({ max }) => max(CacheLocking.name, "commands") === 0 }]
}

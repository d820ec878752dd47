import { FaultProxy } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { batches } from "../Batch.ts"
import { check, type Load, Origin } from "../Origin.ts"
import { BareNodeRedis, BareRedis5, BareRedis6 } from "../peers/Bare.ts"
import { CacheLocking, CacheLockingFiber } from "../peers/CacheLocking.ts"
import type { FiberPeer, Peer } from "../peers/Peer.ts"
import { redisPeers } from "../peers/RedisPeers.ts"
import type { Address, Probe, Setting, Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { contender } from "./Contenders.ts"

const together = 50
const bounds = { ttl: 600_000, leaseTtl: 15_000 }
/** Distinct for every run of every contender, so that nobody finds what another left. */
const stamp = (): string => `${process.pid.toString(36)}${(++stamps).toString(36)}`
let stamps = 0

/** A cache over Redis, asked by many callers at a time. */
interface Crowd {
  /** Asks for `n` keys, at most 50 at a time. */
  readonly ask: (keyOf: (i: number) => string, n: number) => Promise<void>
  readonly close: () => Promise<void>
}

type Gather<P> = (peer: P, load: Load, at: Address, who: string) => Promise<Crowd>

const overPromises: Gather<Peer> = async (peer, load, at, who) => {
  const opened = await peer.redis!(load, at, bounds)
  return {
    ask: async (keyOf, n) => {
      let next = 0
      const caller = async () => {
        while (next < n) {
          const key = keyOf(next++)
          check(await opened.get(key), key, who)
        }
      }
      await Promise.all(Array.from({ length: together }, caller))
    },
    close: opened.close
  }
}

const overEffects: Gather<FiberPeer> = async (peer, load, at, who) => {
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
const commandsOf = async (
  redis: Address,
  operations: number,
  prepare: (at: Address) => Promise<{ readonly crowd: Crowd; readonly work: () => Promise<void> }>
): Promise<number> => {
  await using proxy = await FaultProxy.start({ target: redis })
  const { crowd, work } = await prepare({ host: proxy.host, port: proxy.port })
  proxy.resetCommands()
  await work()
  const commands = proxy.commands().length / operations
  await crowd.close()
  return commands
}

const hit =
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
      return { crowd, work: () => crowd.ask(keyOf, keys) }
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
      return { crowd, work: () => run(2 * together) }
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
    "100 keys of 100 bytes that are all in Redis, and no memory in front of it; 50 callers, each asking for the next key as soon as it has one. " +
    "_Commands_ are what the client sends for one hit.",
  isolated: true,
  redis: true,
  rounds: 16,
  generations: 2,
  metrics: [
    { key: "time", title: "per hit", unit: "ns", ratio: true },
    { key: "commands", title: "commands", unit: "count" }
  ],
  contenders: contenders(hit(overPromises), hit(overEffects)),
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
    "Every key is new and its load answers at once: what is left is the cache's own work of asking, locking where it locks, and filling.",
  isolated: true,
  redis: true,
  rounds: 11,
  metrics: [
    { key: "time", title: "per miss", unit: "ns", ratio: true },
    { key: "commands", title: "commands", unit: "count" }
  ],
  contenders: contenders(miss(overPromises), miss(overEffects)),
  verdict: (rows) => [
    ...verdict(rows),
    "None of the others holds a lease: two of their processes that miss at the same time load twice, and the later fill wins."
  ],
  targets: [CacheLocking, CacheLockingFiber].map(({ name }) => ({
    text: `${name}: two commands for a leader's miss`,
    met: ({ max }) => max(name, "commands") === 2
  }))
}

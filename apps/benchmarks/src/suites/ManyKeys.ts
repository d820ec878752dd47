import { deepStrictEqual } from "node:assert/strict"
import { BareMany } from "../peers/Bare.ts"
import { CacheLocking } from "../peers/CacheLocking.ts"
import type { LoadMany, Peer } from "../peers/Peer.ts"
import { redisPeers } from "../peers/RedisPeers.ts"
import { bounds } from "../probes/RedisHit.ts"
import type { Address, Probe, Setting, Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { calibrate, timed } from "../work/Batch.ts"
import { stamp } from "../work/Crowd.ts"
import { valueOf } from "../work/Origin.ts"
import { contender } from "./Contenders.ts"
import { commandsOf } from "./RedisCrowd.ts"

const size = 100

const keysOf = (name: string): Array<string> => Array.from({ length: size }, (_, i) => `${name}:${i}`)

const open = async (peer: Peer, { quick, redis }: Setting, who: string): Promise<Probe> => {
  const run = stamp()
  const cache = async (at: Address) => {
    let loads = 0
    const load: LoadMany = async (keys) => {
      loads++
      return keys.map(valueOf)
    }
    const opened = await peer.many!(load, at, bounds)
    const ask = async (keys: ReadonlyArray<string>) => {
      const values = [...(await opened.getMany(keys))]
      deepStrictEqual(values.toSorted(), keys.map(valueOf).toSorted(), `${who} answers with other values`)
    }
    const name = `${run}:${stamp()}`
    let cold = 0
    return {
      opened,
      hit: async (n: number) => {
        const keys = keysOf(`${name}:hit`)
        for (let i = 0; i < n; i++) await ask(keys)
      },
      miss: async (n: number) => {
        for (let i = 0; i < n; i++) await ask(keysOf(`${name}:${cold++}`))
      },
      expect: (expected: number) => deepStrictEqual(loads, expected, `${who}: ${loads} loads instead of ${expected}`),
      loads: () => loads
    }
  }

  const commands = (work: "hit" | "miss") =>
    commandsOf(redis!, 4, async (at) => {
      const one = await cache(at)
      await one[work](2)
      return { opened: one.opened, work: () => one[work](4) }
    })
  const counted = { hitCommands: await commands("hit"), missCommands: await commands("miss") }

  const { expect, hit, loads, miss, opened } = await cache(redis!)
  const hits = await calibrate({ run: hit, quick, batch: 100 })
  expect(1)
  const misses = await calibrate({ run: miss, quick, batch: 100 })
  return {
    sample: async () => {
      const before = loads()
      const hitTime = (await timed(hit, hits)) / 1e3
      expect(before)
      const missTime = (await timed(miss, misses)) / 1e3
      expect(before + misses)
      return { hitTime, missTime, ...counted }
    },
    close: opened.close
  }
}

const many = [CacheLocking, ...redisPeers].filter((peer) => peer.many !== undefined)

export const ManyKeys: Suite = {
  name: "many-keys",
  title: "100 keys at once, in Redis",
  about:
    "One caller asks for 100 keys. Either all are there, or none, and then one load gives all values. " +
    "cache-manager and cacheable have no call for both, so a plain read of many is followed by a load and a write of many.",
  isolated: true,
  redis: true,
  rounds: 9,
  metrics: [
    { key: "hitTime", title: "100 hits", unit: "µs", ratio: true },
    { key: "hitCommands", title: "commands", unit: "count" },
    { key: "missTime", title: "100 misses", unit: "µs", ratio: true },
    { key: "missCommands", title: "commands", unit: "count" }
  ],
  contenders: [contender(BareMany, open, { floor: true }), ...many.map((peer) => contender(peer, open))],
  verdict: (rows) => [
    `100 hits: ${compared(rows, CacheLocking.name, "hitTime", speed)}`,
    `100 misses: ${compared(rows, CacheLocking.name, "missTime", speed)}`,
    "Of these only cache-locking takes a lease for each key that it loads."
  ]
}

/** Many callers of one process on one cold key. */
import { strictEqual } from "node:assert/strict"
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type Bounds, type FiberPeer, nothing, type Peer } from "../peers/Peer.ts"
import { summary } from "../Statistics.ts"
import type { Probe, Setting } from "../Suite.ts"
import { spent } from "../work/Batch.ts"
import { heldBytes } from "../work/Heap.ts"
import { check, type Load, Origin } from "../work/Origin.ts"

const loadMillis = 20
const key = "user:42"
const bounds: Bounds = { maxEntries: 10_000, ttl: 3_600_000 }

/** Callers of one cache: asks for a key this many times at once, and resolves when all have their answers. */
export interface Crowd {
  readonly ask: (key: string, callers: number) => () => Promise<ReadonlyArray<string>>
  readonly close: () => Promise<void>
}

export type Gather<P> = (peer: P, load: Load) => Promise<Crowd>

export const overPromises: Gather<Peer> = async (peer, load) => {
  const opened = await peer.memory!(load, bounds)
  return {
    ask: (key, callers) => {
      const asked = Array.from({ length: callers }, () => opened.get(key))
      return () => Promise.all(asked)
    },
    close: opened.close
  }
}

export const overEffects: Gather<FiberPeer> = async (peer, load) => {
  const opened = await peer.memory!((key) => Effect.promise(() => load(key)), bounds)
  return {
    ask: (key, callers) => {
      const fibers = Array.from({ length: callers }, () => Effect.runFork(opened.get(key)))
      return async () => (await Effect.runPromise(Fiber.joinAll(fibers))).map(opened.valueOf)
    },
    close: opened.close
  }
}

/** A cache and a cold key whose load ends on request. */
const held = async <P>(gather: Gather<P>, peer: P) => {
  const begun = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()
  const origin = new Origin(() => {
    begun.resolve()
    return end.promise
  })
  return { origin, crowd: await gather(peer, origin.load), begun: begun.promise, end: end.resolve }
}

/** Bytes that one waiting caller holds. */
const weighed = async <P>(gather: Gather<P>, peer: P, callers: number, who: string): Promise<number> => {
  const { crowd, end } = await held(gather, peer)
  const before = await heldBytes()
  const answers = crowd.ask(key, callers)
  const bytes = ((await heldBytes()) - before) / callers
  end()
  for (const value of await answers()) check(value, key, who)
  await crowd.close()
  return bytes
}

/** Milliseconds from the first call to the last answer, the timed load left out. */
const beyondTimer = async <P>(gather: Gather<P>, peer: P, callers: number, who: string) => {
  const origin = new Origin(() => sleep(loadMillis))
  const crowd = await gather(peer, origin.load)
  const began = performance.now()
  const values = await crowd.ask(key, callers)()
  const took = performance.now() - began
  for (const value of values) check(value, key, who)
  await crowd.close()
  return { beyond: took - loadMillis, loads: origin.loads }
}

/** The same for a load that ends as soon as all callers wait, so that the figure includes no timer. */
const beyondLoad = async <P>(gather: Gather<P>, peer: P, callers: number, who: string) => {
  const { begun, crowd, end, origin } = await held(gather, peer)
  let values: ReadonlyArray<string> = []
  const { cpu, time } = await spent(async () => {
    const answers = crowd.ask(key, callers)
    await begun
    await turn()
    end()
    values = await answers()
  })
  for (const value of values) check(value, key, who)
  strictEqual(values.length, callers)
  origin.expect(1, who)
  await crowd.close()
  return { beyond: time / 1e6, cpu: cpu / 1e6 }
}

const callersOf = ({ quick }: Setting): number => (quick ? 50 : 1_000)

/** With a load that takes some time. */
export const open =
  <P>(gather: Gather<P>) =>
  async (peer: P, setting: Setting, who: string): Promise<Probe> => {
    const callers = callersOf(setting)
    const timed = () => beyondTimer(gather, peer, callers, who)
    const bytes = () => weighed(gather, peer, callers, who)
    for (let i = 0; i < (setting.quick ? 1 : 20); i++) await timed()
    await bytes()
    return { sample: async () => ({ ...(await timed()), bytes: await bytes() }), close: nothing }
  }

/**
 * With a load that takes no time. The callers' memory is measured once, because that takes longer than all their work.
 */
export const openWithoutTimer =
  <P>(gather: Gather<P>) =>
  async (peer: P, setting: Setting, who: string): Promise<Probe> => {
    const callers = callersOf(setting)
    const timed = () => beyondLoad(gather, peer, callers, who)
    for (let i = 0; i < (setting.quick ? 1 : 60); i++) await timed()
    const weights: Array<number> = []
    for (let i = 0; i < (setting.quick ? 1 : 7); i++) weights.push(await weighed(gather, peer, callers, who))
    const bytes = summary(weights).median
    return { sample: async () => ({ ...(await timed()), bytes }), close: nothing }
  }

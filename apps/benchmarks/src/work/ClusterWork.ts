/** The measurements of a cache in a worker of a cluster, and their checks. */
import type { Store } from "../peers/ClusterPeer.ts"
import type { Probe } from "../Suite.ts"
import { batches, calibrate, timed } from "./Batch.ts"
import { heldBytes } from "./Heap.ts"
import { check, valueOf } from "./Origin.ts"

/** Keys in one call, or asked for at once. */
export const together = 1_000

export const keysOf = (count: number, name = "key"): Array<string> =>
  Array.from({ length: count }, (_, i) => `${name}:${i}`)

const parts = (keys: ReadonlyArray<string>): Array<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(keys.length / together) }, (_, i) => keys.slice(i * together, (i + 1) * together))

/** Stores the value of each key. */
export const fill = async (store: Store, keys: ReadonlyArray<string>): Promise<void> => {
  for (const part of parts(keys)) await Promise.all(part.map((key) => store.set(key, valueOf(key))))
}

/** Reads all keys, and throws unless each has its value. */
export const verify = async (store: Store, keys: ReadonlyArray<string>, who: string): Promise<void> => {
  for (const part of parts(keys)) {
    const found = await store.many(part)
    for (const [at, key] of part.entries()) check(found(at), key, who)
  }
}

/** The cache and the keys of a process. */
export interface Task {
  readonly store: Store
  readonly quick: boolean
  /** True when requests to other processes use this process's own channel, where they can be counted. */
  readonly counted: boolean
  /** True when the process has to fill its store by itself. */
  readonly alone: boolean
  readonly entries: number
  readonly who: string
}

/** The messages that this process sends meanwhile. */
const messagesOf = async (work: () => Promise<unknown>): Promise<number> => {
  const send = process.send!
  let count = 0
  const counting = (...args: ReadonlyArray<unknown>): unknown => {
    count++
    return Reflect.apply(send, process, args)
  }
  process.send = counting as typeof send
  try {
    await work()
  } finally {
    process.send = send
  }
  return count
}

/** Asks this many times, one after the other. */
export const times =
  (store: Store, keys: ReadonlyArray<string>, who: string) =>
  async (n: number): Promise<void> =>
    check(await store.inTurn(keys, n), keys[(n - 1) % keys.length]!, who)

/** Gets, as a process asks for them: one after the other, at once, in one call. */
const gets = async ({ alone, counted, quick, store, who }: Task): Promise<Probe> => {
  const keys = keysOf(together)
  if (alone) await fill(store, keys)
  await verify(store, keys, who)
  const inTurn = times(store, keys, who)
  const last = keys.at(-1)!
  const atOnce = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i += together) check((await store.atOnce(keys)).at(-1), last, who)
  }
  const many = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i += together) check((await store.many(keys))(together - 1), last, who)
  }
  const messages = counted && {
    inTurnMessages: (await messagesOf(() => inTurn(100))) / 100,
    atOnceMessages: await messagesOf(() => atOnce(together)),
    manyMessages: await messagesOf(() => many(together))
  }
  const inTurns = await calibrate({ run: inTurn, quick, batch: 150 })
  const atOnces = await calibrate({ run: atOnce, quick, batch: 150, unit: together })
  const manies = await calibrate({ run: many, quick, batch: 150, unit: together })
  return {
    sample: async () => {
      const sample = {
        inTurn: await timed(inTurn, inTurns),
        atOnce: await timed(atOnce, atOnces),
        many: await timed(many, manies),
        ...messages
      }
      await verify(store, keys, who)
      return sample
    },
    close: async () => void (await store.close())
  }
}

/** One hot key among many. */
const hot = async ({ alone, counted, quick, store, who }: Task): Promise<Probe> => {
  const keys = keysOf(together)
  if (alone) await fill(store, keys)
  await verify(store, keys, who)
  const run = times(store, keys.slice(0, 1), who)
  await run(10)
  const messages = counted && { messages: (await messagesOf(() => run(100))) / 100 }
  return batches({ quick, run, also: { ...messages }, close: async () => void (await store.close()) })
}

/** Keys that are read before memory is measured, so that compiled code does not count as entries. */
export const warm = keysOf(2 * together, "warm")

/** The memory of this process after it has read everything. */
const memory = async ({ alone, entries, store, who }: Task): Promise<Probe> => {
  const read = async (keys: ReadonlyArray<string>) => {
    if (alone) await fill(store, keys)
    await verify(store, keys, who)
  }
  await read(warm)
  const before = await heldBytes()
  return {
    sample: async () => {
      await read(keysOf(entries))
      return { held: (await heldBytes()) - before, rss: process.memoryUsage.rss() }
    },
    close: async () => void (await store.close())
  }
}

export const works = { gets, hot, memory }

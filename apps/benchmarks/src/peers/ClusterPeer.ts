/** A cache for the workers of a cluster, as its own documentation shows it, behind one shape. */

/** What it is opened with, the same in the primary and in its workers. */
export interface Place {
  /** Nobody else's. */
  readonly namespace: string
  readonly maxEntries: number
  /** How many near copies each worker may keep, where there are such. */
  readonly near?: number | undefined
  readonly redis?: string | undefined
}

/** A cache as one process has it. */
export interface Store {
  readonly set: (key: string, value: string) => Promise<unknown>
  /** Asks so many times, one after the other, for the keys in their order, and round again; answers the last value. */
  readonly inTurn: (keys: ReadonlyArray<string>, times: number) => Promise<unknown>
  /** Asks for each key by itself, for all of them before the first answer. */
  readonly atOnce: (keys: ReadonlyArray<string>) => Promise<ReadonlyArray<unknown>>
  /** Asks for all keys in one call; answers the value of the key at a place in the list. */
  readonly many: (keys: ReadonlyArray<string>) => Promise<(at: number) => unknown>
  /** Removes all values. */
  readonly clear: () => Promise<unknown>
  readonly close: () => Promise<unknown>
  /** Bytes that a server holds, which is none of these processes. */
  readonly serverBytes?: () => Promise<number>
}

export interface ClusterPeer {
  readonly name: string
  readonly packages: ReadonlyArray<string>
  readonly ours?: boolean
  /** Where the values are: one copy in the primary or in Redis, or one in each process. */
  readonly keeps: "primary" | "process" | "Redis"
  /** In the primary, before it forks. */
  readonly prepare?: () => Promise<unknown>
  readonly open: (place: Place) => Store | Promise<Store>
}

/** A store whose `get` answers with a promise, or at once. */
export const overGet = ({
  get,
  ...store
}: Omit<Store, "inTurn" | "atOnce"> & { readonly get: (key: string) => unknown }): Store => ({
  ...store,
  inTurn: async (keys, times) => {
    let value: unknown
    for (let i = 0; i < times; i++) value = await get(keys[i % keys.length]!)
    return value
  },
  atOnce: (keys) => Promise.all(keys.map((key) => get(key)))
})

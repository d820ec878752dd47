/** A cache for the workers of a cluster, as in its own documentation, behind one interface. */

/** The options with which it is opened, the same in the primary and in its workers. */
export interface Place {
  /** Nobody else's. */
  readonly namespace: string
  readonly maxEntries: number
  /** The number of near copies that each worker may keep, where the cache has them. */
  readonly near?: number | undefined
  readonly redis?: string | undefined
}

/** The cache in one process. */
export interface Store {
  readonly set: (key: string, value: string) => Promise<unknown>
  /**
   * Asks this many times, one after the other, for the keys in their order, again and again; returns the last value.
   */
  readonly inTurn: (keys: ReadonlyArray<string>, times: number) => Promise<unknown>
  /** Asks for each key by itself, for all of them before the first answer. */
  readonly atOnce: (keys: ReadonlyArray<string>) => Promise<ReadonlyArray<unknown>>
  /** Asks for all keys in one call; returns the value of the key at a place in the list. */
  readonly many: (keys: ReadonlyArray<string>) => Promise<(at: number) => unknown>
  /** Removes all values. */
  readonly clear: () => Promise<unknown>
  readonly close: () => Promise<unknown>
  /** The memory of a server, which is not one of these processes. */
  readonly serverBytes?: () => Promise<number>
}

export interface ClusterPeer {
  readonly name: string
  readonly packages: ReadonlyArray<string>
  readonly ours?: boolean
  /** The place of the values: one copy in the primary or in Redis, or one in each process. */
  readonly keeps: "primary" | "process" | "Redis"
  /** In the primary, before it forks. */
  readonly prepare?: () => Promise<unknown>
  readonly open: (place: Place) => Store | Promise<Store>
}

/** A store whose `get` returns a promise or a value. */
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

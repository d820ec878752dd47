/**
 * The stores that there are. A new one is a file of its own and a line here; the first is
 * what is used unless told otherwise.
 */
import type { Store } from "./Store.ts"
import { MemoryStore } from "./stores/MemoryStore.ts"
import { RedisStore } from "./stores/RedisStore.ts"

export const stores: ReadonlyArray<Store> = [MemoryStore, RedisStore]

/** The store of that name. */
export const store = (name: string): Store => {
  const found = stores.find((store) => store.name === name)
  if (found === undefined) throw new Error(`there is no store "${name}"`)
  return found
}

/** The store that a URL is of. */
export const storeOf = (url: URL): Store | undefined => stores.find(({ protocols }) => protocols.includes(url.protocol))

/**
 * All stores. A new one is a line here; the first is the default.
 */
import { D1Store, KvStore, R2Store } from "./CloudflareStore.ts"
import { ClusterStore, MemoryStore } from "./ClusterStore.ts"
import { DynamoDbStore } from "./DynamoDbStore.ts"
import { MemcachedStore } from "./MemcachedStore.ts"
import { MongoDbStore } from "./MongoDbStore.ts"
import { PostgresStore } from "./PostgresStore.ts"
import { RedisStore } from "./RedisStore.ts"
import { S3Store } from "./S3Store.ts"
import type { Store } from "./Store.ts"

export const stores: ReadonlyArray<Store> = [
  MemoryStore,
  RedisStore,
  ClusterStore,
  D1Store,
  KvStore,
  DynamoDbStore,
  MemcachedStore,
  PostgresStore,
  MongoDbStore,
  R2Store,
  S3Store
]

/** The store of that name. */
export const store = (name: string): Store => {
  const found = stores.find((store) => store.name === name)
  if (found === undefined) throw new Error(`there is no store "${name}"`)
  return found
}

/** The store to which a URL belongs. */
export const storeOf = (url: URL): Store | undefined => stores.find(({ protocols }) => protocols.includes(url.protocol))

import { DynamoDbLocal } from "./DynamoDbLocal.ts"
import { Memcached } from "./Memcached.ts"
import { MongoDb } from "./MongoDb.ts"
import { Postgres } from "./Postgres.ts"
import { Redis } from "./Redis.ts"
import { RedisCluster } from "./RedisCluster.ts"
import { RedisSentinel } from "./RedisSentinel.ts"
import { S3Moto } from "./S3Moto.ts"
import type { Controls } from "./Server.ts"
import { Valkey } from "./Valkey.ts"

export interface ServerKind {
  readonly kind: string
  /** The environment variable that gives a server of this kind, and that tells others of one. */
  readonly variable: string
  readonly start: (options?: { readonly own?: boolean }) => Promise<Controls>
}

/** Every kind of server there is, by name. */
export const catalogue: ReadonlyMap<string, ServerKind> = new Map(
  [Redis, RedisCluster, RedisSentinel, Valkey, Memcached, Postgres, DynamoDbLocal, S3Moto, MongoDb].map(
    (server: ServerKind) => [server.kind, server]
  )
)

import { DynamoDbLocal } from "./aws/DynamoDbLocal.ts"
import { S3Moto } from "./aws/S3Moto.ts"
import type { Controls } from "./machine/Server.ts"
import { Memcached } from "./memcached/Memcached.ts"
import { MongoDb } from "./mongodb/MongoDb.ts"
import { Postgres } from "./postgres/Postgres.ts"
import { Redis } from "./redis/Redis.ts"
import { RedisCluster } from "./redis/RedisCluster.ts"
import { RedisSentinel } from "./redis/RedisSentinel.ts"
import { Valkey } from "./redis/Valkey.ts"

export interface ServerKind {
  readonly kind: string
  /** The environment variable that names a server of this kind, for these tests and for other programs. */
  readonly variable: string
  readonly start: (options?: { readonly own?: boolean }) => Promise<Controls>
}

/** Every kind of server there is, by name. */
export const catalogue: ReadonlyMap<string, ServerKind> = new Map(
  [Redis, RedisCluster, RedisSentinel, Valkey, Memcached, Postgres, DynamoDbLocal, S3Moto, MongoDb].map(
    (server: ServerKind) => [server.kind, server]
  )
)

/** All setups: one for each adapter and backend. */
import type { AdapterSetups } from "./AdapterSetup.ts"
import { bucketSetups } from "./BucketSetups.ts"
import { cloudflareSetups } from "./CloudflareSetups.ts"
import { clusterSetups } from "./ClusterSetups.ts"
import { dynamoDbSetups } from "./DynamoDbSetups.ts"
import { memcachedSetups } from "./MemcachedSetups.ts"
import { memorySetups } from "./MemorySetups.ts"
import { mongoDbSetups } from "./MongoDbSetups.ts"
import { postgresSetups } from "./PostgresSetups.ts"
import { redisSetups } from "./RedisSetups.ts"

export const setups: AdapterSetups = {
  ...bucketSetups,
  ...cloudflareSetups,
  ...clusterSetups,
  ...dynamoDbSetups,
  ...memcachedSetups,
  ...memorySetups,
  ...mongoDbSetups,
  ...postgresSetups,
  ...redisSetups
}

/** Their names, in alphabetical order. */
export const names: ReadonlyArray<string> = Object.keys(setups).sort()

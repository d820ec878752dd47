/** Which file judges which setups; files run beside each other. */
export const groups = {
  local: ["memory", "memory-conditional", "memory-tiered", "memory-tiered-bus", "memory-values"],
  redis: ["redis", "redis-cluster", "redis-cluster-tiered", "redis-tiered", "valkey", "valkey-tiered"],
  servers: ["dynamodb", "memcached", "mongodb", "postgres"],
  objects: ["r2", "r2-s3", "s3"],
  workers: ["cloudflare-d1", "cloudflare-kv"]
} as const

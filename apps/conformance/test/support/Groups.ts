/** Which file judges which setups; files run beside each other. */
export const groups = {
  local: ["memory", "memory-conditional", "memory-tiered", "memory-tiered-bus", "memory-values"],
  cluster: ["cluster", "cluster-tiered"],
  redis: ["redis-cluster-tiered", "redis-tiered", "valkey-tiered"],
  /**
   * The kit runs in these packages' own tests, on the same servers and behind the same proxy. `npx -y pnpm@12 conformance`
   * judges them all again.
   */
  byTheirPackages: [
    "cloudflare-d1",
    "cloudflare-kv",
    "dynamodb",
    "memcached",
    "mongodb",
    "postgres",
    "r2",
    "r2-s3",
    "redis",
    "redis-cluster",
    "s3",
    "valkey"
  ]
} as const

/** All suites, in the order of the report. */
import type { Suite } from "./Suite.ts"
import { BackendHit, BackendMiss } from "./suites/BackendHit.ts"
import { BackendStampede } from "./suites/BackendStampede.ts"
import { CrossProcess } from "./suites/CrossProcess.ts"
import { ClusterMemory } from "./suites/cluster/ClusterMemory.ts"
import { ClusterNearHit } from "./suites/cluster/ClusterNearHit.ts"
import { ClusterPrimaryGet } from "./suites/cluster/ClusterPrimaryGet.ts"
import { ClusterWorkerGet } from "./suites/cluster/ClusterWorkerGet.ts"
import { EntryMemory } from "./suites/EntryMemory.ts"
import { Expiry } from "./suites/Expiry.ts"
import { FiberHit } from "./suites/FiberHit.ts"
import { HotKey } from "./suites/HotKey.ts"
import { LeaderKilled } from "./suites/LeaderKilled.ts"
import { ManyKeys } from "./suites/ManyKeys.ts"
import { ConcurrentHit, PromiseHit } from "./suites/PromiseHit.ts"
import { RedisHit, RedisMiss } from "./suites/RedisHit.ts"
import { Stampede } from "./suites/Stampede.ts"
import { TaggedHit } from "./suites/TaggedHit.ts"
import { TieredHit } from "./suites/TieredHit.ts"
import { Uncacheable } from "./suites/Uncacheable.ts"

export const suites: ReadonlyArray<Suite> = [
  FiberHit,
  PromiseHit,
  ConcurrentHit,
  HotKey,
  Stampede,
  EntryMemory,
  RedisHit,
  RedisMiss,
  TaggedHit,
  ManyKeys,
  TieredHit,
  CrossProcess,
  Expiry,
  Uncacheable,
  LeaderKilled,
  ClusterPrimaryGet,
  ClusterWorkerGet,
  ClusterNearHit,
  ClusterMemory,
  BackendHit,
  BackendMiss,
  BackendStampede
]

export const suiteOf = (name: string): Suite | undefined => suites.find((suite) => suite.name === name)

/** The table: each store in each condition. It is total by its type: a store or a condition more needs its cells here. */
import type { BackendName } from "../backends/Backends.ts"
import type { Cell, Condition, Without } from "./Condition.ts"
import * as Databases from "./Databases.ts"
import { network, restarted, slowPrimary } from "./Network.ts"
import * as Services from "./Services.ts"

const meaningless = (why: string): Without => ({ without: "meaning", why })

const noReadOnlyMode = meaningless("the service has no such mode: a missing permission is final, and no outage")

export const cells: Readonly<Record<BackendName, Readonly<Record<Condition, Cell>>>> = {
  redis: {
    ...network,
    full: Databases.redis.full,
    "read-only": Databases.redis.readOnly,
    "restarted empty": restarted,
    "failing over": Databases.redis.failingOver
  },
  memcached: {
    ...network,
    full: Databases.memcached.full,
    "read-only": meaningless("it has no such mode"),
    "restarted empty": restarted,
    "failing over": meaningless("it has no replicas: a lost server refuses, and comes back empty")
  },
  dynamodb: {
    ...network,
    full: Services.dynamodb.full,
    "read-only": noReadOnlyMode,
    "restarted empty": restarted,
    "failing over": Services.dynamodb.failingOver
  },
  mongodb: {
    ...network,
    full: Services.mongodb.full,
    "read-only": Services.mongodb.readOnly,
    "restarted empty": restarted,
    "failing over": Services.mongodb.failingOver
  },
  postgres: {
    ...network,
    full: Databases.postgresql.full,
    "read-only": Databases.postgresql.readOnly,
    "restarted empty": restarted,
    "failing over": Databases.postgresql.failingOver
  },
  s3: {
    ...network,
    full: Services.s3.full,
    "read-only": noReadOnlyMode,
    "restarted empty": restarted,
    "failing over": Services.s3.failingOver
  },
  r2: {
    ...network,
    full: Services.r2.full,
    "read-only": noReadOnlyMode,
    "restarted empty": restarted,
    "failing over": Services.r2.failingOver
  },
  kv: {
    ...network,
    full: Services.kv.full,
    "read-only": noReadOnlyMode,
    "restarted empty": restarted,
    "failing over": Services.kv.failingOver
  },
  d1: {
    ...network,
    full: Services.d1.full,
    "read-only": noReadOnlyMode,
    "restarted empty": restarted,
    "failing over": Services.d1.failingOver
  },
  cluster: {
    refused: {
      how: "the primary is closed",
      make: ({ opened }) => ({ begin: opened.kill, end: opened.restart })
    },
    silent: {
      how: "the primary's event loop stands still",
      make: ({ opened }) => ({ begin: async () => {}, last: opened.pause, end: async () => {} })
    },
    slow: slowPrimary,
    full: meaningless("a full namespace evicts what was least recently used, and refuses nothing"),
    "read-only": meaningless("it has no such mode"),
    "restarted empty": {
      ...restarted,
      how: "the primary is closed, and another begins a second later in the same process: the end of the process is the end of its workers"
    },
    "failing over": meaningless("there is one primary, without a replica")
  }
}

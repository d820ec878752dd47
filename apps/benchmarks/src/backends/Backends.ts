/** All backends, in the order of the report. A new one is a file of its own and a line here. */
import type { Backend } from "./Backend.ts"
import { CloudflareD1 } from "./CloudflareD1.ts"
import { CloudflareR2 } from "./CloudflareR2.ts"
import { DynamoDb } from "./DynamoDb.ts"
import { Memcached } from "./Memcached.ts"
import { MongoDb } from "./MongoDb.ts"
import { Postgres } from "./Postgres.ts"
import { Redis } from "./Redis.ts"
import { S3 } from "./S3.ts"

export const backends: ReadonlyArray<Backend> = [
  Redis,
  Memcached,
  Postgres,
  MongoDb,
  DynamoDb,
  S3,
  CloudflareD1,
  CloudflareR2
]

export const backendOf = (name: string): Backend => {
  const found = backends.find((backend) => backend.name === name)
  if (found === undefined) throw new Error(`there is no backend "${name}"`)
  return found
}

/** All backends. A worker loads only the client of its own. */
import type { Backend } from "./Backend.ts"

const modules = {
  redis: () => import("./Redis.ts"),
  postgres: () => import("./Postgres.ts"),
  memcached: () => import("./Memcached.ts"),
  dynamodb: () => import("./DynamoDb.ts"),
  s3: () => import("./S3.ts"),
  mongodb: () => import("./MongoDb.ts"),
  cluster: () => import("./ClusterPrimary.ts"),
  r2: () => import("./R2.ts"),
  kv: () => import("./Kv.ts"),
  d1: () => import("./D1.ts")
} satisfies { readonly [name: string]: () => Promise<{ readonly backend: Backend }> }

export type BackendName = keyof typeof modules

/** Those of a Worker: no process of ours keeps them, and in a Worker no process of ours asks them. */
const ofWorkers: ReadonlySet<string> = new Set<BackendName>(["r2", "kv", "d1"])

/** The backends of rounds with random faults. */
export const names: ReadonlyArray<string> = Object.keys(modules).filter((name) => !ofWorkers.has(name))

export const isBackend = (name: string): name is BackendName => Object.hasOwn(modules, name)

export const backendOf = async (name: string): Promise<Backend> => {
  if (!isBackend(name)) throw new Error(`there is no backend "${name}": choose one of ${names.join(", ")}`)
  return (await modules[name]()).backend
}

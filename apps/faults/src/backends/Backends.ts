/** All backends. A worker loads only the client of its own. */
import type { Backend } from "./Backend.ts"

const modules: { readonly [name: string]: () => Promise<{ readonly backend: Backend }> } = {
  redis: () => import("./Redis.ts"),
  postgres: () => import("./Postgres.ts"),
  memcached: () => import("./Memcached.ts"),
  dynamodb: () => import("./DynamoDb.ts"),
  s3: () => import("./S3.ts"),
  mongodb: () => import("./MongoDb.ts"),
  cluster: () => import("./ClusterPrimary.ts")
}

export const names: ReadonlyArray<string> = Object.keys(modules)

export const backendOf = async (name: string): Promise<Backend> => {
  const load = modules[name]
  if (load === undefined) throw new Error(`there is no backend "${name}": choose one of ${names.join(", ")}`)
  return (await load()).backend
}

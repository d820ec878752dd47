/** Connections to Redis, ready when they are returned. Only the requested client is loaded. */
import type { Redis as Redis5 } from "ioredis"
import type { Redis as Redis6 } from "ioredis6"
import type { Address } from "../Suite.ts"

interface Client {
  connect(): Promise<unknown>
  on(event: "error", listener: () => void): unknown
}

const connected = async <C extends Client>(client: C): Promise<C> => {
  // The caller that waits for an answer gets the error.
  client.on("error", () => {})
  await client.connect()
  return client
}

/** For the peers that were made for it. */
export const ioredis5 = async ({ host, port }: Address): Promise<Redis5> => {
  const { Redis } = await import("ioredis")
  return connected(new Redis({ host, port, lazyConnect: true }))
}

export const ioredis6 = async ({ host, port }: Address): Promise<Redis6> => {
  const { Redis } = await import("ioredis6")
  return connected(new Redis({ host, port, lazyConnect: true }))
}

export const nodeRedis = async ({ host, port }: Address) => {
  const { createClient } = await import("redis")
  return connected(createClient({ url: `redis://${host}:${port}` }))
}

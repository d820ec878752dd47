/** Connections to Redis, ready when they are given out. */
import { Redis as Redis5 } from "ioredis"
import { Redis as Redis6 } from "ioredis6"
import { createClient } from "redis"
import type { Address } from "../Suite.ts"

interface Client {
  connect(): Promise<unknown>
  on(event: "error", listener: () => void): unknown
}

const connected = async <C extends Client>(client: C): Promise<C> => {
  // Whoever waits for an answer is told.
  client.on("error", () => {})
  await client.connect()
  return client
}

/** For the peers that were made for it. */
export const ioredis5 = ({ host, port }: Address): Promise<Redis5> =>
  connected(new Redis5({ host, port, lazyConnect: true }))

export const ioredis6 = ({ host, port }: Address): Promise<Redis6> =>
  connected(new Redis6({ host, port, lazyConnect: true }))

export const nodeRedis = ({ host, port }: Address) => connected(createClient({ url: `redis://${host}:${port}` }))

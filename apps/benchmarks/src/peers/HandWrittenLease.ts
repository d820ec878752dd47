/**
 * A lease as a team writes it by itself over Redis: `SET NX` as a lock, a script that stores the value only for the
 * holder of the lock, and, in the better version, a message that wakes the others.
 */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import type { Redis } from "ioredis6"
import type { Load } from "../work/Origin.ts"
import { ioredis6 } from "./Clients.ts"
import type { Opened, Peer } from "./Peer.ts"

const fill = `if redis.call("GET", KEYS[2]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
redis.call("DEL", KEYS[2])
redis.call("PUBLISH", KEYS[1], "")
return 1`

/** One load of a key per process, and one holder of the lock among processes. */
class Leases {
  private readonly flights = new Map<string, Promise<string>>()
  private readonly client: Redis
  private readonly subscriber: Redis | undefined
  private readonly woken = new Map<string, () => void>()
  private readonly load: Load
  private readonly leaseTtl: number
  private readonly ttl: number

  constructor(load: Load, client: Redis, subscriber: Redis | undefined, leaseTtl: number, ttl: number) {
    this.load = load
    this.client = client
    this.subscriber = subscriber
    this.leaseTtl = leaseTtl
    this.ttl = ttl
    client.defineCommand("fillLease", { numberOfKeys: 2, lua: fill })
    subscriber?.on("message", (channel: string) => this.woken.get(channel)?.())
  }

  get(key: string): Promise<string> {
    const flying = this.flights.get(key)
    if (flying !== undefined) return flying
    const flight = this.fly(key).finally(() => this.flights.delete(key))
    this.flights.set(key, flight)
    return flight
  }

  private async fly(key: string): Promise<string> {
    const token = randomUUID()
    while (true) {
      const found = await this.client.get(key)
      if (found !== null) return found
      if ((await this.client.set(`${key}:lock`, token, "PX", this.leaseTtl, "NX")) === "OK") {
        const value = await this.load(key)
        await (this.client as Redis & { fillLease(...args: Array<string | number>): Promise<number> }).fillLease(
          key,
          `${key}:lock`,
          token,
          value,
          this.ttl
        )
        return value
      }
      await this.pause(key)
    }
  }

  private async pause(key: string): Promise<void> {
    if (this.subscriber === undefined) {
      await sleep(50)
      return
    }
    const message = new Promise<void>((resolve) => this.woken.set(key, resolve))
    await this.subscriber.subscribe(key)
    // The value may have come before the subscription did.
    if ((await this.client.exists(key)) === 0) {
      const enough = new AbortController()
      await Promise.race([message, sleep(500, undefined, { signal: enough.signal }).catch(() => {})])
      enough.abort()
    }
    this.woken.delete(key)
    await this.subscriber.unsubscribe(key)
  }
}

const peer = (name: string, subscribes: boolean): Peer => ({
  name,
  packages: ["ioredis6"],
  redis: async (load, at, { leaseTtl, ttl }): Promise<Opened> => {
    const client = await ioredis6(at)
    const subscriber = subscribes ? await ioredis6(at) : undefined
    const leases = new Leases(load, client, subscriber, leaseTtl, ttl)
    return {
      get: (key) => leases.get(key),
      close: async () => {
        await client.quit()
        await subscriber?.quit()
      }
    }
  }
})

export const HandWrittenLease = peer("hand-written lease (pub/sub)", true)
export const HandWrittenPolling = peer("hand-written lease (polling, 50 ms)", false)

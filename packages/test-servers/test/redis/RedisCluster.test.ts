import { setTimeout } from "node:timers/promises"
import { Cluster as Client } from "ioredis"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { poll } from "../../src/machine/Poll.ts"
import { NotControllable, orUnavailable, Unavailable } from "../../src/machine/Problem.ts"
import { RedisCluster } from "../../src/redis/RedisCluster.ts"
import { RespClient } from "../../src/redis/Resp.ts"
import { orSkip } from "../fixtures/Support.ts"

const keys = Array.from({ length: 30 }, (_, i) => `key-${i}`)

const sizes = async (cluster: RedisCluster) =>
  await Promise.all(cluster.nodes.map(({ url }) => RespClient.once(url, "DBSIZE")))

describe("three masters", () => {
  let cluster: RedisCluster | Unavailable

  beforeAll(async () => {
    cluster = await orUnavailable(RedisCluster.start({ own: true }))
  })

  afterAll(async () => {
    if (!(cluster instanceof Unavailable)) await cluster.stop()
    vi.unstubAllEnvs()
  })

  it("are ready for an ordinary client, which reaches all of them", async (context) => {
    if (cluster instanceof Unavailable) return context.skip(cluster.message)
    const client = new Client([...cluster.seeds])
    try {
      expect(await Promise.all(keys.map((key) => client.set(key, key)))).toEqual(keys.map(() => "OK"))
      expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys)
    } finally {
      client.disconnect()
    }
    const counts = (await sizes(cluster)) as Array<number>
    expect(counts.every((count) => count > 0)).toBe(true)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(keys.length)
  })

  it("are used when the environment gives them, and not ours to control", async (context) => {
    if (cluster instanceof Unavailable) return context.skip(cluster.message)
    vi.stubEnv("REDIS_CLUSTER_URL", cluster.url)
    const given = await RedisCluster.start()
    expect(given).toMatchObject({ url: cluster.url, controllable: false, nodes: [] })
    expect(given.seeds).toEqual(cluster.seeds)
    await expect(given.kill()).rejects.toBeInstanceOf(NotControllable)
    await expect(given.restart()).rejects.toBeInstanceOf(NotControllable)
    await given.stop()
    expect(await RespClient.once(cluster.nodes[0]?.url ?? "", "PING")).toBe("PONG")
  })

  it("serve at once after a pause", async (context) => {
    if (cluster instanceof Unavailable) return context.skip(cluster.message)
    // As on a busy machine, one after the other: running nodes ask paused ones, and get no answer for longer than
    // the short timeout of clusters that fail over.
    for (const node of cluster.nodes) {
      await node.pause()
      await setTimeout(700)
    }
    await cluster.resume()
    const client = new Client([...cluster.seeds], { clusterRetryStrategy: () => null })
    try {
      for (let round = 0; round < 20; round++) {
        expect(await Promise.all(keys.map((key) => client.set(key, key)))).toEqual(keys.map(() => "OK"))
        await setTimeout(50)
      }
    } finally {
      client.disconnect()
    }
  })

  it("are empty and whole after a restart", async (context) => {
    if (cluster instanceof Unavailable) return context.skip(cluster.message)
    await cluster.restart()
    expect(await sizes(cluster)).toEqual([0, 0, 0])
    expect(String(await RespClient.once(cluster.nodes[0]?.url ?? "", "CLUSTER", "INFO"))).toContain("cluster_state:ok")
  })
})

describe("three masters with a replica each", () => {
  it("outlive the loss of a master", async (context) => {
    await using cluster = await orSkip(context, RedisCluster.start({ own: true, replicas: 1 }))
    const [lost, other] = cluster.nodes
    await lost?.kill()
    await poll(
      async () => {
        const nodes = String(await RespClient.once(other?.url ?? "", "CLUSTER", "NODES")).split("\n")
        const masters = nodes.filter((line) => / (myself,)?master - /.test(line) && !line.includes("fail"))
        return (
          masters.length === 3 && String(await RespClient.once(other?.url ?? "", "CLUSTER", "INFO")).includes(":ok")
        )
      },
      { what: "a replica to take over", every: 50 }
    )
  })
})

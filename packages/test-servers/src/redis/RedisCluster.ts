import { rm } from "node:fs/promises"
import { join } from "node:path"
import { poll } from "../machine/Poll.ts"
import { freePort } from "../machine/Port.ts"
import { fromEnvironment, givenOrigin, type Origin, type Server, startOwn } from "../machine/Server.ts"
import { ServerGroup, startAll } from "../machine/ServerGroup.ts"
import { redisArguments, redisBinary, redisReady, redisVersion } from "./Redis.ts"
import { RespClient } from "./Resp.ts"

export interface RedisClusterOptions {
  /** True to start one of our own even where the environment gives one. */
  readonly own?: boolean
  readonly masters?: number
  /** Replicas of each master; without one, a killed master takes its slots with it. */
  readonly replicas?: number
}

const kind = "redis-cluster"
const variable = "REDIS_CLUSTER_URL"
const slots = 16_384

interface Shape {
  readonly masters: number
  readonly replicas: number
}

/** A node and the port on which the nodes talk to each other. */
interface Node {
  readonly server: Server
  readonly busPort: number
}

/**
 * Short, so that tests of failover are; a replica is ready to take over at once. Without replicas nobody can take over,
 * and nodes that a test or a busy machine pauses for more than the timeout would only call each other failed: they keep
 * Redis' own 15 s.
 */
const failover = ["--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"]

const startNode = async (state: { fresh: boolean }, { replicas }: Shape): Promise<Node> => {
  const busPort = await freePort()
  const server = await startOwn({
    kind: "redis-cluster-node",
    binary: redisBinary,
    url: (port) => `redis://127.0.0.1:${port}`,
    launch: async ({ binary, directory, port }) => {
      // A node that restarts alone keeps its name and its slots; a cluster that restarts as a whole must not know the
      // old one.
      if (state.fresh) await rm(join(directory, "nodes.conf"), { force: true })
      return {
        command: binary.path,
        args: [
          ...redisArguments(port),
          ...["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", String(busPort)],
          ...["--repl-diskless-sync-delay", "0"],
          ...(replicas > 0 ? failover : [])
        ],
        env: binary.env
      }
    },
    ready: redisReady
  })
  return { server, busPort }
}

/** Assigns the slots, makes the nodes meet, and waits until every node reports the cluster as complete. */
const form = async (nodes: ReadonlyArray<Node>, shape: Shape): Promise<void> => {
  const clients = await Promise.all(nodes.map(({ server }) => RespClient.connect(server.url)))
  try {
    const masters = clients.slice(0, shape.masters)
    await Promise.all(
      masters.map(async (client, i) => {
        const start = Math.floor((i * slots) / shape.masters)
        const end = Math.floor(((i + 1) * slots) / shape.masters) - 1
        await client.send("CLUSTER", "ADDSLOTSRANGE", start, end)
        // Distinct epochs at the start spare the nodes the time to agree on them.
        await client.send("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
      })
    )
    // Each node meets each other node, instead of waiting for gossip.
    await Promise.all(
      clients.flatMap((client, i) =>
        nodes
          .slice(i + 1)
          .map(({ busPort, server }) => client.send("CLUSTER", "MEET", server.host, server.port, busPort))
      )
    )
    const replicas = clients.slice(shape.masters)
    await Promise.all(
      replicas.map(async (client, i) => {
        const id = String(await masters[i % shape.masters]?.send("CLUSTER", "MYID"))
        // Refused until gossip has spread the master's name.
        await poll(async () => (await client.send("CLUSTER", "REPLICATE", id)) === "OK", {
          every: 50,
          what: "the replicas to know their masters"
        })
      })
    )
    const whole = async (client: RespClient): Promise<boolean> => {
      const info = String(await client.send("CLUSTER", "INFO"))
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${nodes.length}\r\n`)
    }
    const inSync = async (client: RespClient): Promise<boolean> =>
      (await client.info("replication", "master_link_status")) === "up"
    await poll(async () => (await Promise.all([...clients.map(whole), ...replicas.map(inSync)])).every((is) => is), {
      every: 50,
      what: "the cluster to be whole"
    })
  } finally {
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  }
}

class Cluster extends ServerGroup {
  /** One process each, the masters first. Empty if the environment gave the cluster. */
  readonly nodes: ReadonlyArray<Server>
  private readonly begin: () => Promise<void>

  constructor(url: string, origin: Origin, nodes: ReadonlyArray<Server>, begin: () => Promise<void>) {
    super({ kind, url, origin, members: nodes })
    this.nodes = nodes
    this.begin = begin
  }

  /** The nodes to connect to first. */
  get seeds(): ReadonlyArray<{ readonly host: string; readonly port: number }> {
    return this.url.split(",").map((url) => {
      const { hostname, port } = new URL(url)
      return { host: hostname, port: Number(port) }
    })
  }

  /** The same addresses, a new cluster, empty. */
  override async restart(): Promise<void> {
    this.own("restart")
    await this.begin()
  }
}

export type RedisCluster = Cluster

/** A Redis Cluster: `REDIS_CLUSTER_URL` (node URLs, comma separated), or three masters of our own. */
export const RedisCluster = {
  kind,
  variable,
  start: async (options: RedisClusterOptions = {}): Promise<RedisCluster> => {
    const given = fromEnvironment(variable, options)
    if (given !== undefined) {
      const first = given.split(",")[0] ?? ""
      const origin = await givenOrigin(kind, variable, Promise.resolve(first).then(redisVersion))
      return new Cluster(given, origin, [], async () => {})
    }
    const shape: Shape = { masters: options.masters ?? 3, replicas: options.replicas ?? 0 }
    const state = { fresh: false }
    const nodes: Array<Node> = []
    const servers = await startAll(
      Array.from({ length: shape.masters * (1 + shape.replicas) }, (_, i) => async () => {
        const node = await startNode(state, shape)
        nodes[i] = node
        return node.server
      })
    )
    const begin = async (): Promise<void> => {
      await Promise.all(servers.map((server) => server.kill()))
      state.fresh = true
      try {
        await Promise.all(servers.map((server) => server.restart()))
      } finally {
        state.fresh = false
      }
      await form(nodes, shape)
    }
    try {
      await form(nodes, shape)
    } catch (error) {
      await Promise.all(servers.map((server) => server.stop()))
      throw error
    }
    const [first] = servers
    if (first === undefined) throw new Error("a cluster needs at least one master")
    return new Cluster(servers.map((server) => server.url).join(","), first.origin, servers, begin)
  }
}

import { randomBytes } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { poll } from "../machine/Poll.ts"
import { freePort } from "../machine/Port.ts"
import { fromEnvironment, givenOrigin, type Origin, type Server, startOwn } from "../machine/Server.ts"
import { ServerGroup, startAll } from "../machine/ServerGroup.ts"
import { redisArguments, redisBinary, redisReady, redisVersion } from "./Redis.ts"
import { RespClient } from "./Resp.ts"

export interface RedisSentinelOptions {
  /** True to start one of our own even where the environment gives one. */
  readonly own?: boolean
  /** Milliseconds of silence after which the sentinels take the master for dead. */
  readonly downAfter?: number
}

export interface Address {
  readonly host: string
  readonly port: number
}

const kind = "redis-sentinel"
const variable = "REDIS_SENTINEL_URL"
const ownName = "primary"
const quorum = 2

/** `redis-sentinel://host:port,host:port/name`, or sentinels alone: `redis://host:port,redis://host:port`. */
export const parseSentinelUrl = (
  url: string
): { readonly sentinels: ReadonlyArray<Address>; readonly name: string | undefined } => {
  if (!/^redis(-sentinel)?:\/\//.test(url)) throw new Error("expected redis-sentinel://host:port,host:port/name")
  const [addresses = "", name] = url.replaceAll(/redis(-sentinel)?:\/\//g, "").split("/")
  const sentinels = addresses.split(",").map((address) => {
    const { hostname, port } = new URL(`redis://${address}`)
    return { host: hostname, port: port === "" ? 26_379 : Number(port) }
  })
  return { sentinels, name: name === "" ? undefined : name }
}

/** The version of given sentinels, and the name of the master they watch. */
const askSentinels = async (url: string): Promise<{ readonly version: string; readonly name: string }> => {
  const { name, sentinels } = parseSentinelUrl(url)
  const first = `redis://${sentinels[0]?.host}:${sentinels[0]?.port}`
  const version = await redisVersion(first)
  if (name !== undefined) return { version, name }
  const [master] = (await RespClient.once(first, "SENTINEL", "MASTERS")) as ReadonlyArray<ReadonlyArray<string>>
  // Pairs of field and value.
  const told = master?.[master.indexOf("name") + 1]
  if (told === undefined) throw new Error("they watch no master")
  return { version, name: told }
}

const startNode = (args: ReadonlyArray<string>, port: number): Promise<Server> =>
  startOwn(
    {
      kind: "redis-sentinel-node",
      binary: redisBinary,
      url: (port) => `redis://127.0.0.1:${port}`,
      launch: ({ args, binary, port }) => ({
        command: binary.path,
        args: [...redisArguments(port), "--repl-diskless-sync-delay", "0", ...args],
        env: binary.env
      }),
      ready: redisReady
    },
    { args, port }
  )

interface Watched {
  readonly master: number
  readonly replica: number
  readonly sentinels: ReadonlyArray<{ readonly port: number; readonly id: string }>
  readonly downAfter: number
}

/**
 * Sentinels find each other through the master, which takes many seconds. They record in this file the others that they
 * found, so it names them from the start.
 */
const sentinelConfiguration = (own: { port: number; id: string }, watched: Watched): string =>
  [
    `port ${own.port}`,
    "bind 127.0.0.1",
    `sentinel myid ${own.id}`,
    `sentinel monitor ${ownName} 127.0.0.1 ${watched.master} ${quorum}`,
    `sentinel down-after-milliseconds ${ownName} ${watched.downAfter}`,
    // This is also the time for which a failed attempt blocks the next one.
    `sentinel failover-timeout ${ownName} 3000`,
    `sentinel known-replica ${ownName} 127.0.0.1 ${watched.replica}`,
    ...watched.sentinels
      .filter(({ id }) => id !== own.id)
      .map(({ id, port }) => `sentinel known-sentinel ${ownName} 127.0.0.1 ${port} ${id}`)
  ].join("\n")

const startSentinel = (own: { port: number; id: string }, watched: Watched): Promise<Server> =>
  startOwn(
    {
      kind: "redis-sentinel",
      binary: redisBinary,
      url: (port) => `redis://127.0.0.1:${port}`,
      launch: async ({ binary, directory }) => {
        const file = join(directory, "sentinel.conf")
        await writeFile(file, sentinelConfiguration(own, watched))
        return { command: binary.path, args: [file, "--sentinel"], env: binary.env }
      },
      ready: redisReady
    },
    { port: own.port }
  )

/** Waits until the replica follows its master, and each sentinel agrees that they are enough for a failover. */
const untilWatched = async (replica: Server, sentinels: ReadonlyArray<Server>): Promise<void> => {
  await poll(
    async () => {
      await using client = await RespClient.connect(replica.url)
      return (await client.info("replication", "master_link_status")) === "up"
    },
    { every: 50, what: "the replica to follow its master" }
  )
  await Promise.all(
    sentinels.map((sentinel) =>
      poll(
        async () => {
          await using client = await RespClient.connect(sentinel.url)
          const verdict = String(await client.send("SENTINEL", "CKQUORUM", ownName))
          const replicas = String(await client.send("SENTINEL", "REPLICAS", ownName))
          // A replica that a sentinel has not checked yet is no candidate, and the failover would be postponed.
          return (
            verdict.startsWith(`OK ${sentinels.length} usable`) &&
            /,flags,slave,.*,master-link-status,ok,/.test(replicas)
          )
        },
        { every: 50, what: "the sentinels to agree" }
      )
    )
  )
}

class Sentinel extends ServerGroup {
  readonly sentinels: ReadonlyArray<Address>
  /** The name by which clients ask for the master. */
  readonly name: string
  /** The servers that hold data, ours only. The sentinels decide which is the master. */
  readonly nodes: ReadonlyArray<Server>
  private readonly begin: () => Promise<void>

  constructor(
    parts: { url: string; name: string; origin: Origin; members: ReadonlyArray<Server>; nodes: ReadonlyArray<Server> },
    begin: () => Promise<void>
  ) {
    super({ kind, ...parts })
    this.sentinels = parseSentinelUrl(parts.url).sentinels
    this.name = parts.name
    this.nodes = parts.nodes
    this.begin = begin
  }

  /** The master as the first sentinel that answers sees it. */
  async master(): Promise<Address> {
    let last: unknown
    for (const { host, port } of this.sentinels) {
      try {
        const reply = await RespClient.once(`redis://${host}:${port}`, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", this.name)
        if (Array.isArray(reply)) return { host: String(reply[0]), port: Number(reply[1]) }
      } catch (error) {
        last = error
      }
    }
    throw new Error(`no sentinel knows ${this.name}`, { cause: last })
  }

  /** SIGKILL to the present master; returns it. */
  async killMaster(): Promise<Server> {
    this.own("kill the master of")
    const { port } = await this.master()
    const node = this.nodes.find((candidate) => candidate.port === port)
    if (node === undefined) throw new Error(`the master on port ${port} is none of ours`)
    await node.kill()
    return node
  }

  /** The same addresses with the first master, all empty. */
  override async restart(): Promise<void> {
    this.own("restart")
    await this.begin()
  }
}

export type RedisSentinel = Sentinel

/** A master, a replica and three sentinels: `REDIS_SENTINEL_URL`, or our own. */
export const RedisSentinel = {
  kind,
  variable,
  start: async (options: RedisSentinelOptions = {}): Promise<RedisSentinel> => {
    const given = fromEnvironment(variable, options)
    if (given !== undefined) {
      const asked = Promise.resolve(given).then(askSentinels)
      const origin = await givenOrigin(
        kind,
        variable,
        asked.then(({ version }) => version)
      )
      return new Sentinel({ url: given, name: (await asked).name, origin, members: [], nodes: [] }, async () => {})
    }
    const watched: Watched = {
      master: await freePort(),
      replica: await freePort(),
      sentinels: await Promise.all(
        [1, 2, 3].map(async () => ({ port: await freePort(), id: randomBytes(20).toString("hex") }))
      ),
      downAfter: options.downAfter ?? 500
    }
    const all = await startAll([
      () => startNode([], watched.master),
      () => startNode(["--replicaof", "127.0.0.1", String(watched.master)], watched.replica),
      ...watched.sentinels.map((own) => () => startSentinel(own, watched))
    ])
    const [master, replica, ...sentinels] = all as [Server, Server, ...Array<Server>]
    const begin = async (): Promise<void> => {
      await Promise.all(all.map((server) => server.kill()))
      await Promise.all(all.map((server) => server.restart()))
      await untilWatched(replica, sentinels)
    }
    try {
      await untilWatched(replica, sentinels)
    } catch (error) {
      await Promise.all(all.map((server) => server.stop()))
      throw error
    }
    const addresses = sentinels.map(({ host, port }) => `${host}:${port}`).join(",")
    const url = `redis-sentinel://${addresses}/${ownName}`
    return new Sentinel({ url, name: ownName, origin: master.origin, members: all, nodes: [master, replica] }, begin)
  }
}

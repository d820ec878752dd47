import { mkdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { type Binary, findOnPath } from "../machine/Binary.ts"
import { poll } from "../machine/Poll.ts"
import { fromEnvironment, givenOrigin, type Launcher, type Origin, type Server, startOwn } from "../machine/Server.ts"
import { ServerGroup } from "../machine/ServerGroup.ts"
import { startDocumentDb } from "./DocumentDb.ts"
import { askMongo, firstHost } from "./MongoProbe.ts"

export interface MongoDbOptions {
  /** True to start one of our own even where the environment gives one. */
  readonly own?: boolean
}

const kind = "mongodb"
const variable = "MONGODB_URL"
const replicaSet = "rs0"

/** One node, but a replica set: only that has transactions and change streams. */
const mongod = (binary: Binary): Launcher => ({
  kind,
  binary,
  url: (port) => `mongodb://127.0.0.1:${port}/?replicaSet=${replicaSet}`,
  launch: async ({ binary, directory, port }) => {
    const data = join(directory, "data")
    await rm(data, { recursive: true, force: true })
    await mkdir(data)
    return {
      command: binary.path,
      args: [
        ...["--dbpath", data, "--port", String(port), "--bind_ip", "127.0.0.1"],
        ...["--replSet", replicaSet, "--nounixsocket", "--quiet"]
      ],
      env: binary.env
    }
  },
  ready: async (url, pid) => Number((await askMongo(url, { serverStatus: 1 }))["pid"]) === pid
})

const becomePrimary = async (server: Server): Promise<void> => {
  const members = [{ _id: 0, host: `${server.host}:${server.port}` }]
  await askMongo(server.url, { replSetInitiate: { _id: replicaSet, members } })
  await poll(async () => (await askMongo(server.url, { hello: 1 }))["isWritablePrimary"] === true, {
    what: "the node to become primary"
  })
}

class Mongo extends ServerGroup {
  /** `documentdb` is another engine behind MongoDB's protocol, without transactions and change streams. */
  readonly engine: "mongodb" | "documentdb"
  private readonly begin: () => Promise<void>

  constructor(
    parts: { url: string; origin: Origin; members: ReadonlyArray<Server>; engine: "mongodb" | "documentdb" },
    begin: () => Promise<void>
  ) {
    super({ kind, ...parts })
    this.engine = parts.engine
    this.begin = begin
  }

  override async restart(): Promise<void> {
    this.own("restart")
    await this.begin()
  }
}

export type MongoDb = Mongo

/** `MONGODB_URL`; or `mongod` on PATH; or a stand-in, which `engine` names. */
export const MongoDb = {
  kind,
  variable,
  start: async (options: MongoDbOptions = {}): Promise<MongoDb> => {
    const given = fromEnvironment(variable, options)
    if (given !== undefined) {
      // An address that must be looked up first (mongodb+srv) is left to the driver.
      const version =
        firstHost(given) === undefined
          ? Promise.resolve("unknown")
          : askMongo(given, { buildInfo: 1 }).then((reply) => String(reply["version"]))
      const origin = await givenOrigin(kind, variable, version)
      return new Mongo({ url: given, origin, members: [], engine: "mongodb" }, async () => {})
    }
    const binary = await findOnPath({ name: "mongod", packages: [] })
    if (binary !== undefined) {
      const server = await startOwn(mongod(binary))
      const begin = async (): Promise<void> => {
        await server.restart()
        await becomePrimary(server)
      }
      try {
        await becomePrimary(server)
      } catch (error) {
        await server.stop()
        throw error
      }
      return new Mongo({ url: server.url, origin: server.origin, members: [server], engine: "mongodb" }, begin)
    }
    const { members, origin, restart, url } = await startDocumentDb()
    return new Mongo({ url, origin, members, engine: "documentdb" }, restart)
  }
}

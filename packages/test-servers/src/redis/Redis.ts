import type { BinarySource } from "../machine/Binary.ts"
import { type Server, type ServerDefinition, type StartOptions, startServer } from "../machine/Server.ts"
import type { Command } from "../machine/ServerProcess.ts"
import { RespClient } from "./Resp.ts"

export const redisBinary: BinarySource = { name: "redis-server", packages: ["redis-server"] }

/** Nothing is written to disk, nothing listens beyond this machine, and an idle server uses no processor. */
export const redisArguments = (port: number): ReadonlyArray<string> => [
  ...["--port", String(port), "--bind", "127.0.0.1", "--protected-mode", "yes", "--daemonize", "no"],
  ...["--save", "", "--appendonly", "no"]
]

/** Another server may sit on the port already: only the one with our process's id is ours. */
export const redisReady = async (url: string, pid: number): Promise<boolean> => {
  await using client = await RespClient.connect(url)
  return (await client.info("server", "process_id")) === String(pid)
}

export const redisVersion = async (url: string): Promise<string> => {
  await using client = await RespClient.connect(url)
  return (await client.info("server", "valkey_version")) ?? (await client.info("server", "redis_version")) ?? "unknown"
}

const definition: ServerDefinition = {
  kind: "redis",
  variable: "REDIS_URL",
  defaultPort: 6379,
  binary: redisBinary,
  url: (port) => `redis://127.0.0.1:${port}`,
  launch: ({ args, binary, port }): Command => ({
    command: binary.path,
    args: [...redisArguments(port), ...args],
    env: binary.env
  }),
  ready: redisReady,
  version: redisVersion
}

/** One Redis server: `REDIS_URL`, or Debian's `redis-server`. */
export const Redis = {
  kind: definition.kind,
  variable: definition.variable,
  start: (options?: StartOptions): Promise<Server> => startServer(definition, options)
}

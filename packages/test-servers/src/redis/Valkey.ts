import { type Server, type ServerDefinition, type StartOptions, startServer } from "../machine/Server.ts"
import { redisArguments, redisReady, redisVersion } from "./Redis.ts"

const definition: ServerDefinition = {
  kind: "valkey",
  variable: "VALKEY_URL",
  defaultPort: 6379,
  // Debian has it since the release after the one with Redis 7, and in the backports of that one.
  binary: {
    name: "valkey-server",
    packages: ["valkey-server"],
    archive: "backports"
  },
  url: (port) => `redis://127.0.0.1:${port}`,
  launch: ({ args, binary, port }) => ({
    command: binary.path,
    args: [...redisArguments(port), ...args],
    env: binary.env
  }),
  ready: redisReady,
  version: redisVersion
}

/** One Valkey server: `VALKEY_URL`, or the `valkey-server` of Debian's backports. */
export const Valkey = {
  kind: definition.kind,
  variable: definition.variable,
  start: (options?: StartOptions): Promise<Server> => startServer(definition, options)
}

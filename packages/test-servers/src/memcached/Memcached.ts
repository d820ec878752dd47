import { connect } from "node:net"
import { type Server, type ServerDefinition, type StartOptions, startServer } from "../machine/Server.ts"
import { unprivileged } from "../machine/User.ts"

/** Sends lines of the text protocol, and returns everything up to `end`. */
const ask = (url: string, line: string, end: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: port === "" ? 11_211 : Number(port) })
    let answer = ""
    socket.setTimeout(2000, () => socket.destroy(new Error(`no answer to ${line}`)))
    socket.on("connect", () => socket.write(`${line}\r\n`))
    socket.on("error", reject)
    socket.on("close", () => reject(new Error("the connection was closed")))
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1")
      if (!answer.endsWith(end)) return
      resolve(answer)
      socket.destroy()
    })
  })

const definition: ServerDefinition = {
  kind: "memcached",
  variable: "MEMCACHED_URL",
  defaultPort: 11_211,
  binary: { name: "memcached", packages: ["memcached"] },
  url: (port) => `memcached://127.0.0.1:${port}`,
  launch: ({ args, binary, port }) => {
    const user = unprivileged("memcache")
    return {
      command: binary.path,
      // No UDP: it would be one more port to find.
      args: ["-l", "127.0.0.1", "-p", String(port), "-U", "0", ...args],
      env: binary.env,
      ...(user === undefined ? {} : { user })
    }
  },
  ready: async (url, pid) => (await ask(url, "stats", "END\r\n")).includes(`STAT pid ${pid}\r\n`),
  version: async (url) => (await ask(url, "version", "\r\n")).replace("VERSION ", "").trim()
}

/** One Memcached server: `MEMCACHED_URL` (`memcached://host:port`), or Debian's `memcached`; and its text protocol. */
export const Memcached = {
  ask,
  kind: definition.kind,
  variable: definition.variable,
  start: (options?: StartOptions): Promise<Server> => startServer(definition, options)
}

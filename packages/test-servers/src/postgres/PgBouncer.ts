import { chmodSync, chownSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Launcher, type Server, startOwn } from "../machine/Server.ts"
import { unprivileged } from "../machine/User.ts"

export interface PgBouncerOptions {
  /** The Postgres server behind it. */
  readonly target: Pick<Server, "url">
  /** The moment at which a connection to Postgres returns to the pool. Default: `"transaction"`. */
  readonly poolMode?: "session" | "transaction" | "statement" | undefined
  /** The number of connections to Postgres for all clients together. Default: 4. */
  readonly poolSize?: number | undefined
}

/** A value in a connection string of its configuration. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

const databaseOf = (url: string): { readonly name: string; readonly line: string } => {
  const { hostname, password, pathname, port, username } = new URL(url)
  const name = decodeURIComponent(pathname.slice(1)) || "postgres"
  const parts = {
    host: hostname,
    port: port || "5432",
    dbname: name,
    user: decodeURIComponent(username) || "postgres",
    ...(password !== "" && { password: decodeURIComponent(password) })
  }
  const line = Object.entries(parts).map(([key, value]) => `${key}=${quoted(value)}`)
  return { name, line: line.join(" ") }
}

const launcherOf = ({ poolMode = "transaction", poolSize = 4, target }: PgBouncerOptions): Launcher => {
  const { line, name } = databaseOf(target.url)
  return {
    kind: "pgbouncer",
    binary: { name: "pgbouncer", packages: ["pgbouncer"] },
    url: (port) => `postgres://postgres@127.0.0.1:${port}/${encodeURIComponent(name)}`,
    launch: ({ args, binary, directory, port }) => {
      const file = join(directory, "pgbouncer.ini")
      const settings = {
        listen_addr: "127.0.0.1",
        listen_port: port,
        unix_socket_dir: "",
        // Everybody may connect: it listens to this machine alone.
        auth_type: "any",
        pool_mode: poolMode,
        default_pool_size: poolSize,
        max_client_conn: 500
      }
      const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`)
      writeFileSync(file, ["[databases]", `* = ${line}`, "[pgbouncer]", ...lines, ""].join("\n"))
      // The file may contain a password, and PgBouncer refuses to run as root.
      chmodSync(file, 0o600)
      const user = unprivileged("postgres")
      if (user !== undefined) {
        chownSync(directory, user.uid, user.gid)
        chownSync(file, user.uid, user.gid)
      }
      return { command: binary.path, args: [file, ...args], env: binary.env, ...(user === undefined ? {} : { user }) }
    },
    // Its log shows that it listens, and its process id.
    ready: async (_url, pid, directory) =>
      readFileSync(join(directory, "log"), "utf8").includes(`[${pid}] LOG process up:`)
  }
}

/**
 * Debian's PgBouncer in front of a Postgres server, by default in the mode that hands connections out per transaction.
 */
export const PgBouncer = {
  kind: "pgbouncer",
  start: (options: PgBouncerOptions): Promise<Server> => startOwn(launcherOf(options))
}

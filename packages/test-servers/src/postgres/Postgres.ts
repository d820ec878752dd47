import { execFile } from "node:child_process"
import { chownSync, globSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import connect from "postgres"
import type { BinarySource } from "../machine/Binary.ts"
import { guarded } from "../machine/Guardian.ts"
import { type Launcher, type Server, type ServerDefinition, type StartOptions, startServer } from "../machine/Server.ts"
import { unprivileged } from "../machine/User.ts"

const run = promisify(execFile)

export const postgresVersion = async (url: string): Promise<string> => {
  const sql = connect(url, { max: 1, connect_timeout: 5, onnotice: () => {} })
  try {
    const [row] = await sql`select current_setting('server_version') as version`
    return String(row?.["version"])
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const urlOf = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`

/** The server writes its own process id, and that it is ready, into a file of its data directory. */
const tellsReady = (data: string, pid: number): boolean => {
  const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")
  return lines[0] === String(pid) && lines[7]?.trim() === "ready"
}

/** A Postgres of our own, with settings besides those that make it quick and private. */
export const postgresLauncher = (
  kind: string,
  binary: BinarySource,
  settings: Readonly<Record<string, string>> = {}
): Launcher => ({
  kind,
  binary,
  url: urlOf,
  launch: async ({ args, binary, directory, port }) => {
    // Postgres refuses to run as root.
    const user = unprivileged("postgres")
    const data = join(directory, "data")
    rmSync(data, { recursive: true, force: true })
    mkdirSync(data, { mode: 0o700 })
    if (user !== undefined) {
      chownSync(directory, user.uid, user.gid)
      chownSync(data, user.uid, user.gid)
    }
    const initialise = guarded(
      join(dirname(binary.path), "initdb"),
      ["-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"],
      user
    )
    await run(...initialise, { cwd: directory, env: { ...process.env, ...binary.env }, timeout: 60_000 })
    // No data has to survive a crash, because none outlives its test.
    const all = {
      fsync: "off",
      synchronous_commit: "off",
      full_page_writes: "off",
      max_connections: "200",
      ...settings
    }
    return {
      command: binary.path,
      args: [
        ...["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", ""],
        ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
        ...args
      ],
      env: binary.env,
      ...(user === undefined ? {} : { user })
    }
  },
  ready: async (_url, pid, directory) => tellsReady(join(directory, "data"), pid),
  // Fast shutdown: SIGKILL would leave its shared memory to the system.
  stopSignal: "SIGINT"
})

const definition: ServerDefinition = {
  ...postgresLauncher("postgres", {
    name: "postgres",
    packages: ["postgresql"],
    // Debian keeps it off PATH, one directory per version; the newest first.
    directories: () => globSync("/usr/lib/postgresql/*/bin").sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
  }),
  variable: "POSTGRES_URL",
  defaultPort: 5432,
  version: postgresVersion
}

/** One Postgres server, superuser `postgres`, no password: `POSTGRES_URL`, or Debian's `postgresql`. */
export const Postgres = {
  kind: definition.kind,
  variable: definition.variable,
  start: (options?: StartOptions): Promise<Server> => startServer(definition, options)
}

import { fileURLToPath } from "node:url"
import connect from "postgres"
import type { BinarySource } from "../machine/Binary.ts"
import { unpack } from "../machine/Debian.ts"
import { type Launcher, type Origin, type Server, startOwn } from "../machine/Server.ts"
import { postgresLauncher } from "../postgres/Postgres.ts"
import { askMongo } from "./MongoProbe.ts"

/*
 * A stand-in for MongoDB where there is none: Postgres 18 with Microsoft's DocumentDB extension, which only Debian's
 * unstable release has, behind a gateway of our own. A third party's engine: no transactions, no change streams.
 */

/**
 * The packages are for a newer C library than the system's, so that library's own loader starts each program. And a
 * copy of one file that the installation would have linked.
 */
const finish = `
loader=$(echo usr/lib/*-linux-gnu*/ld-linux-*.so.*)
home=$(echo usr/lib/postgresql/*)
libraries=$prefix/$(dirname "$loader")
for name in initdb postgres; do
  mv "$home/bin/$name" "$home/bin/$name.program"
  cat > "$home/bin/$name" <<END
#!/bin/sh
exec "$prefix/$loader" --argv0 "\\$0" \\
  --library-path "$libraries:$libraries/blas:$libraries/lapack:$prefix/$home/lib" \\
  "$prefix/$home/bin/$name.program" "\\$@"
END
  chmod 755 "$home/bin/$name"
done
for control in usr/share/postgresql/*/extension/postgis-3.control; do
  cp "$control" "$(dirname "$control")/postgis.control"
done
`

const source: BinarySource = {
  // Not the name of a program: the search on PATH must not find another Postgres.
  name: "postgres with the DocumentDB extension",
  packages: [],
  bring: async () => {
    const { find } = await unpack("documentdb", ["postgresql-18-documentdb"], {
      archive: "unstable",
      extent: "all",
      finish
    })
    const path = find("postgres")
    if (path === undefined) throw new Error("the packages brought no postgres")
    return { path, env: {} }
  }
}

const engine = postgresLauncher("documentdb-engine", source, {
  shared_preload_libraries: "pg_cron,pg_documentdb_core,pg_documentdb",
  // Its jobs (expiry of documents, every minute) run inside, without connections of their own.
  "cron.use_background_workers": "on",
  max_worker_processes: "32"
})

// Next to this file, and in the same language: the source, or the file built from it.
const gatewayFile = fileURLToPath(import.meta.resolve(`./DocumentDbGateway${import.meta.url.slice(-3)}`))

const gateway = (engineUrl: string): Launcher => ({
  kind: "documentdb-gateway",
  binary: { path: process.execPath, env: {}, how: "path", version: process.versions.node },
  url: (port) => `mongodb://127.0.0.1:${port}/?directConnection=true`,
  launch: ({ binary, port }) => ({ command: binary.path, args: [gatewayFile, String(port), engineUrl] }),
  ready: async (url, pid) => (await askMongo(url, { serverStatus: 1 }))["pid"] === pid
})

/** Adds the DocumentDB extension; returns its version. */
const prepare = async (url: string): Promise<string> => {
  const sql = connect(url, { max: 1, onnotice: () => {} })
  try {
    await sql`create extension documentdb cascade`
    const [row] = await sql`select extversion from pg_extension where extname = 'documentdb'`
    return String(row?.["extversion"])
  } finally {
    await sql.end({ timeout: 1 })
  }
}

export interface DocumentDb {
  readonly url: string
  readonly origin: Origin
  /** Clients connect to the first one. */
  readonly members: readonly [gateway: Server, engine: Server]
  readonly restart: () => Promise<void>
}

export const startDocumentDb = async (): Promise<DocumentDb> => {
  const postgres = await startOwn(engine)
  try {
    const version = await prepare(postgres.url)
    const front = await startOwn(gateway(postgres.url))
    return {
      url: front.url,
      origin: { ...postgres.origin, version },
      members: [front, postgres],
      restart: async () => {
        await front.kill()
        await postgres.restart()
        await prepare(postgres.url)
        await front.restart()
      }
    }
  } catch (error) {
    await postgres.stop()
    throw error
  }
}

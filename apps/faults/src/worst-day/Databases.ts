/** Conditions of Redis, Postgres and Memcached, which real servers are brought into. */
import { Memcached, Postgres, poll, Redis, RespClient } from "@cache-locking/test-servers"
import postgres from "postgres"
import { prepare } from "../backends/Postgres.ts"
import type { Made, Stage } from "./Condition.ts"
import { shortly } from "./Network.ts"

/** A port on which nothing listens: the primary of a replica that has lost it. */
const nowhere = ["127.0.0.1", "1"]

export const redis = {
  full: {
    how: "`maxmemory` is reached, and the policy is `noeviction`",
    make: ({ url }) => ({
      begin: () => RespClient.once(url, "CONFIG", "SET", "maxmemory", "1"),
      end: () => RespClient.once(url, "CONFIG", "SET", "maxmemory", "0")
    })
  },
  readOnly: {
    how: "it becomes a replica",
    make: ({ url }) => ({
      begin: () => RespClient.once(url, "REPLICAOF", ...nowhere),
      end: () => RespClient.once(url, "REPLICAOF", "NO", "ONE")
    })
  },
  failingOver: {
    how: "behind one name: the primary becomes a replica and keeps its connections; a second later its replica is the primary, and the name leads there",
    lasts: shortly,
    make: async ({ lead, onEnd, url }) => {
      const other = await Redis.start({ own: true })
      onEnd(() => other.stop())
      const first = new URL(url)
      await RespClient.once(other.url, "REPLICAOF", first.hostname, first.port)
      await poll(
        async () => {
          await using client = await RespClient.connect(other.url)
          return (await client.info("replication", "master_link_status")) === "up"
        },
        { what: "the replica to follow its primary" }
      )
      return {
        begin: () => RespClient.once(url, "REPLICAOF", ...nowhere),
        end: async () => {
          await RespClient.once(other.url, "REPLICAOF", "NO", "ONE")
          lead(other.port)
          await RespClient.once(url, "REPLICAOF", other.host, other.port)
        }
      }
    }
  }
} satisfies Record<string, Made>

/** A session that stays writable. */
const eyeOf = ({ onEnd, url }: Pick<Stage, "onEnd" | "url">): postgres.Sql => {
  const eye = postgres(url, { max: 1, onnotice: () => {}, max_lifetime: null })
  onEnd(() => eye.end({ timeout: 1 }))
  return eye
}

/** All sessions end, and new ones cannot write, as those that lead to a former primary. */
const makeReadOnly = async (eye: postgres.Sql): Promise<void> => {
  await eye`alter database postgres set default_transaction_read_only = on`
  await eye`
    select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and backend_type = 'client backend'`
}

export const postgresql = {
  full: {
    how: "a trigger refuses each write in the words of a full disk (53100)",
    make: async (stage) => {
      const eye = eyeOf(stage)
      await eye`
        create function no_room() returns trigger language plpgsql as $$
        begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`
      return {
        begin: () => eye`
          create trigger no_room before insert or update on public.cache_locking
          for each row execute function no_room()`,
        end: () => eye`drop trigger no_room on public.cache_locking`
      }
    }
  },
  readOnly: {
    how: "sessions end, and new ones are read-only and stay so",
    make: async (stage) => {
      const eye = eyeOf(stage)
      await eye`select 1`
      return {
        begin: () => makeReadOnly(eye),
        end: () => eye`alter database postgres reset default_transaction_read_only`
      }
    }
  },
  failingOver: {
    how: "behind one name: the primary becomes read-only and goes on serving; a second later the name leads to another server, which is empty",
    lasts: shortly,
    make: async (stage) => {
      const other = await Postgres.start({ own: true })
      stage.onEnd(() => other.stop())
      await prepare(other.url)
      const eye = eyeOf(stage)
      await eye`select 1`
      return { begin: () => makeReadOnly(eye), end: async () => stage.lead(other.port) }
    }
  }
} satisfies Record<string, Made>

/** Bytes of the items that fill a server: one for each of its classes up to the largest record of a short value. */
const junkSizes = Array.from({ length: 14 }, (_, i) => Math.round(60 * 1.25 ** i))

/** Stores junk until the server has no room; returns the names. */
const fill = async (url: string): Promise<ReadonlyArray<string>> => {
  const names: Array<string> = []
  for (const size of junkSizes) {
    for (let full = false; !full; ) {
      const batch = Array.from({ length: 500 }, () => `junk-${names.length}-${Math.random().toString(36).slice(2)}`)
      names.push(...batch)
      const body = "x".repeat(size)
      const said = await Memcached.ask(
        url,
        `${batch.map((name) => `set ${name} 0 0 ${size}\r\n${body}\r\n`).join("")}mn`,
        "MN\r\n"
      )
      full = said.includes("SERVER_ERROR")
    }
  }
  return names
}

export const memcached = {
  full: {
    how: "it runs with `-M`, which refuses in place of evicting, and its memory is used up",
    args: ["-M", "-m", "2"],
    make: ({ url }) => {
      let junk: ReadonlyArray<string> = []
      return {
        begin: async () => {
          junk = await fill(url)
        },
        end: () => Memcached.ask(url, `${junk.map((name) => `delete ${name}\r\n`).join("")}mn`, "MN\r\n")
      }
    }
  }
} satisfies Record<string, Made>

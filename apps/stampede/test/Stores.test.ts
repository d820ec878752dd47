/** The promises of a stampede over each store. */
import {
  type Controls,
  DynamoDbLocal,
  Memcached,
  MongoDb,
  orUnavailable,
  Postgres,
  Redis,
  S3Moto,
  Unavailable
} from "@cache-locking/test-servers"
import postgres from "postgres"
import { afterAll, describe, expect, it } from "vitest"
import { eventLog } from "../src/recording/EventLog.ts"
import { leases } from "../src/recording/Recording.ts"
import { run } from "./support/Run.ts"

type Commands = ReadonlyArray<string>

interface Case {
  readonly store: string
  /** The server, where the store needs one. */
  readonly start?: () => Promise<Controls>
  /** The URL for `--url`, with a secret where the server ignores it. */
  readonly url?: (server: Controls) => string
  readonly title: RegExp
  /** Commands of one process in a stampede: a few, however many callers it has. */
  readonly atMost: number
  /** Further checks of the commands of each process. */
  readonly commands?: (sent: ReadonlyArray<Commands>) => void
  /** A killed process loses its lease at once. */
  readonly seesExits?: boolean
  /** Milliseconds. Default 800. */
  readonly shortestLease?: number
  /** True when the store reports changes to near tiers. */
  readonly pushes?: boolean
  /** An address without a server, and the error for it. */
  readonly unreachable?: readonly [url: string, message: string]
  /** Checks the leftovers of the run. */
  readonly after?: (url: string) => Promise<void>
}

const count = (commands: Commands, name: string): number => commands.filter((each) => each === name).length

const cases: ReadonlyArray<Case> = [
  {
    store: "cluster",
    title: /^the primary of a Node cluster, in the parent process, which notices the exit of a process$/,
    atMost: 6,
    commands: (sent) => expect(sent.filter((commands) => commands.includes("fill"))).toHaveLength(1),
    seesExits: true,
    pushes: true
  },
  {
    store: "redis",
    start: () => Redis.start(),
    title: /^(Redis|Valkey) \d/,
    atMost: 6,
    pushes: true,
    unreachable: ["redis://user:secret@127.0.0.1:1", "no Redis answers at 127.0.0.1:1"]
  },
  // Where nothing is pushed, followers ask again, with growing pauses, while the load lasts.
  { store: "cloudflare-d1", title: /^Cloudflare D1/, atMost: 12 },
  {
    store: "cloudflare-kv",
    title: /^Cloudflare KV with leases in D1/,
    atMost: 14,
    commands: (sent) => expect(count(sent.flat(), "POST /kv/put")).toBe(1)
  },
  { store: "r2", title: /^Cloudflare R2/, atMost: 12 },
  {
    store: "dynamodb",
    shortestLease: 4_000,
    start: () => DynamoDbLocal.start(),
    url: ({ url }) => url.replace("http://", "dynamodb://key:secret@"),
    title: /^DynamoDB Local at 127\.0\.0\.1:\d+$/,
    atMost: 40,
    commands: (sent) => {
      for (const commands of sent) {
        // A lost race for the lease is one write; the leader writes its lease and its fill.
        const writes = commands.filter((name) => name !== "GETITEM")
        expect(writes.length, commands.join(" ")).toBeLessThanOrEqual(2)
        expect(new Set(writes).size).toBeLessThanOrEqual(1)
      }
    },
    unreachable: ["dynamodb://key:secret@127.0.0.1:1", "no DynamoDB Local answers at 127.0.0.1:1"]
  },
  {
    store: "memcached",
    start: () => Memcached.start(),
    title: /^Memcached \d/,
    atMost: 12,
    // The leader alone fills.
    commands: (sent) => expect(sent.filter((commands) => commands.includes("REPLACE"))).toHaveLength(1),
    unreachable: ["memcached://user:secret@127.0.0.1:1", "no Memcached answers at 127.0.0.1:1"]
  },
  {
    store: "mongodb",
    start: () => MongoDb.start(),
    title: /^MongoDB \d/,
    atMost: 16,
    commands: (sent) => {
      // One to lead and one to fill. Of two that ask at the same moment, one is refused and asks again.
      for (const commands of sent) expect(count(commands, "FINDANDMODIFY"), commands.join(" ")).toBeLessThanOrEqual(3)
    },
    unreachable: ["mongodb://user:secret@127.0.0.1:1", "no MongoDB answers at 127.0.0.1:1"]
  },
  {
    store: "postgres",
    start: () => Postgres.start(),
    title: /^Postgres \d/,
    atMost: 7,
    unreachable: ["postgres://user:secret@127.0.0.1:1/none", "no Postgres answers at 127.0.0.1:1"],
    after: async (url) => {
      const sql = postgres(url, { max: 1 })
      expect(await sql`select relname from pg_class where relname like 'cache_locking_stampede%'`).toEqual([])
      await sql.end()
    }
  },
  {
    store: "s3",
    shortestLease: 4_000,
    start: () => S3Moto.start({ own: true }),
    url: ({ url }) => url.replace("http://", "s3://key:secret@"),
    title: /^Bucket at 127/,
    atMost: 12,
    unreachable: ["s3://key:secret@127.0.0.1:1/bucket", "no bucket answers at 127.0.0.1:1/bucket"]
  }
]

for (const {
  after,
  atMost,
  commands,
  pushes,
  seesExits,
  shortestLease = 800,
  start,
  store,
  title,
  unreachable,
  ...each
} of cases) {
  const server = start && (await orUnavailable(start()))
  const missing = server instanceof Unavailable ? ` (not run: ${server.reason})` : ""

  describe.skipIf(missing !== "")(`over ${store}${missing}`, () => {
    const running = server instanceof Unavailable ? undefined : server
    const url = running && (each.url?.(running) ?? running.url)
    const check = async (...args: Commands) => {
      const outcome = await run("--check", ...(url === undefined ? ["--store", store] : ["--url", url]), ...args)
      expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
      return { ...outcome, figures: outcome.figures[0]!, recording: outcome.recordings[0]! }
    }
    afterAll(() => running?.stop())

    it(`4 × 250 callers make one origin call, and at most ${atMost} commands from each process`, async () => {
      const { figures, recording } = await check()
      expect(figures).toMatchObject({ originCalls: 1, answered: 1000 })
      expect(recording.processes).toHaveLength(4)
      const sent = recording.processes.map(({ commands }) => commands!)
      for (const own of sent) {
        expect(own.length).toBeGreaterThan(0)
        expect(own.length, own.join(" ")).toBeLessThanOrEqual(atMost)
      }
      commands?.(sent)
    })

    it(`a killed leader is followed by one other${seesExits ? ", long before its lease would end" : ""}`, async () => {
      const lease = seesExits ? 30_000 : shortestLease
      const { figures, recording } = await check("--kill", "--callers", "50", "--lease", `${lease}ms`)
      expect(figures).toMatchObject({ originCalls: 2, takeovers: 1, answered: 150, died: 50 })
      if (!seesExits) return
      const [first, second, ...more] = leases(recording)
      expect(more).toEqual([])
      expect(first).toMatchObject({ ended: "expired", freed: true })
      expect(second).toMatchObject({ ended: "filled", takesOver: first })
      expect(second!.from).toBeLessThan(first!.from + lease)
      const freed = `The store frees the lease of process ${first!.process + 1}.`
      expect(eventLog(recording).map(({ text }) => text)).toContain(freed)
    })

    if (pushes) {
      it("warm hits of a near tier cost no command, and a change reaches every process", async () => {
        const { figures } = await check("--scenario", "tiers", "--callers", "50")
        expect(figures).toMatchObject({ originCalls: 0, commandsBefore: 0, answered: 200 })
      })
    }

    it("names its server, without user and password, and leaves nothing behind", async () => {
      const outcome = await check("--callers", "1", "--load", "10ms")
      expect(outcome.store).toMatch(title)
      expect(outcome.store).not.toMatch(/@|secret/)
      await after?.(url!)
    })
  })

  if (unreachable === undefined) continue
  it(`a server of ${store} that does not answer is reported plainly, without its password`, async () => {
    const [url, message] = unreachable
    const text = await run("--check", "--url", url).catch(String)
    expect(text).toContain(message)
    expect(text).not.toContain("secret")
  })
}

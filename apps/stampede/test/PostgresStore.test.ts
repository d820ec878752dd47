import { orUnavailable, Postgres, Unavailable } from "@cache-locking/test-servers"
import postgres from "postgres"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { run } from "./support/Run.ts"

const server = await orUnavailable(Postgres.start())
const missing = server instanceof Unavailable ? ` (not run: ${server.reason})` : ""

describe.skipIf(server instanceof Unavailable)(`over a real Postgres${missing}`, () => {
  let url = ""
  beforeAll(() => {
    if (!(server instanceof Unavailable)) url = server.url
  })
  afterAll(async () => {
    if (!(server instanceof Unavailable)) await server.stop()
  })

  it("4 × 250 callers make one origin call, and at most 7 statements from each process", async () => {
    const outcome = await run("--check", "--url", url)
    const [recording] = outcome.recordings
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 1, answered: 1000 })
    expect(recording!.processes).toHaveLength(4)
    for (const { commands } of recording!.processes) {
      expect(commands!.length).toBeGreaterThan(0)
      expect(commands!.length, commands!.join(" ")).toBeLessThanOrEqual(7)
    }
  })

  it("a killed leader is followed by one other", async () => {
    const outcome = await run("--check", "--url", url, "--kill", "--callers", "50", "--lease", "800ms")
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 2, takeovers: 1, answered: 150, died: 50 })
  })

  it("says what it runs on, without user and password, and leaves no table behind", async () => {
    const { store } = await run("--check", "--url", url, "--callers", "1", "--load", "10ms")
    expect(store).toMatch(/^Postgres \d/)
    expect(store).not.toContain("@")
    const sql = postgres(url, { max: 1 })
    expect(await sql`select relname from pg_class where relname like 'cache_locking_stampede%'`).toEqual([])
    await sql.end()
  })
})

it("a Postgres that does not answer is told plainly", async () => {
  const message = run("--check", "--url", "postgres://user:secret@127.0.0.1:1/none").catch(String)
  expect(await message).toMatch(/no Postgres is to be had at 127\.0\.0\.1:1/)
  expect(await message).not.toMatch(/secret/)
})

import { Memcached, orUnavailable, Unavailable } from "@cache-locking/test-servers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { run } from "./support/Run.ts"

const server = await orUnavailable(Memcached.start())
const missing = server instanceof Unavailable ? ` (not run: ${server.reason})` : ""

describe.skipIf(server instanceof Unavailable)(`over a real Memcached${missing}`, () => {
  let url = ""
  beforeAll(() => {
    if (!(server instanceof Unavailable)) url = server.url
  })
  afterAll(async () => {
    if (!(server instanceof Unavailable)) await server.stop()
  })

  it("4 × 250 callers make one origin call, and at most 12 commands from each process", async () => {
    const outcome = await run("--check", "--url", url)
    const [recording] = outcome.recordings
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 1, answered: 1000 })
    expect(recording!.processes).toHaveLength(4)
    const sent = recording!.processes.map(({ commands }) => commands!)
    // The leader asks, leads and fills; the others ask, may be overtaken, and ask at a growing pace.
    expect(sent.filter((commands) => commands.includes("REPLACE"))).toHaveLength(1)
    for (const commands of sent) {
      expect(commands.length, commands.join(" ")).toBeGreaterThan(0)
      expect(commands.length, commands.join(" ")).toBeLessThanOrEqual(12)
    }
  })

  it("a killed leader is followed by one other", async () => {
    const outcome = await run("--check", "--url", url, "--kill", "--callers", "50", "--lease", "800ms")
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 2, takeovers: 1, answered: 150, died: 50 })
  })

  it("says what it runs on, without the password", async () => {
    const { store } = await run("--check", "--url", url, "--callers", "1", "--load", "10ms")
    expect(store).toMatch(/^Memcached \d/)
    expect(store).not.toContain("@")
  })
})

it("a Memcached that does not answer is told plainly", async () => {
  await expect(run("--check", "--url", "memcached://user:secret@127.0.0.1:1")).rejects.toThrow(
    /no Memcached answers at 127\.0\.0\.1:1/
  )
  await expect(run("--check", "--url", "memcached://user:secret@127.0.0.1:1")).rejects.not.toThrow(/secret/)
})

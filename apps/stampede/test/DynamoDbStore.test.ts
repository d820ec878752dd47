import { DynamoDbLocal, orUnavailable, Unavailable } from "@cache-locking/test-servers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { run } from "./support/Run.ts"

const server = await orUnavailable(DynamoDbLocal.start())
const missing = server instanceof Unavailable ? ` (not run: ${server.reason})` : ""

describe.skipIf(server instanceof Unavailable)(`over a DynamoDB Local${missing}`, () => {
  let url = ""
  beforeAll(() => {
    if (!(server instanceof Unavailable)) url = server.url.replace("http:", "dynamodb:")
  })
  afterAll(async () => {
    if (!(server instanceof Unavailable)) await server.stop()
  })

  it("4 × 250 callers make one origin call, with as many requests as each process polls", async () => {
    const outcome = await run("--check", "--url", url)
    const [recording] = outcome.recordings
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 1, answered: 1000 })
    expect(recording!.processes).toHaveLength(4)
    const sent = recording!.processes.map(({ commands }) => commands!)
    for (const commands of sent) {
      expect(commands.length).toBeGreaterThan(0)
      // A load of 200 ms, polled for: by each process, not by each caller.
      expect(commands.length, commands.join(" ")).toBeLessThanOrEqual(40)
      // A lost race for the lease is one write; the leader has its lease and its fill.
      const writes = commands.filter((name) => name !== "GETITEM")
      expect(writes.length, commands.join(" ")).toBeLessThanOrEqual(2)
      expect(new Set(writes).size).toBeLessThanOrEqual(1)
    }
  })

  it("a killed leader is followed by one other", async () => {
    const outcome = await run("--check", "--url", url, "--kill", "--callers", "50", "--lease", "800ms")
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 2, takeovers: 1, answered: 150, died: 50 })
  })

  it("says what it runs on, without the credentials", async () => {
    const { store } = await run(
      "--check",
      "--url",
      url.replace("//", "//key:secret@"),
      "--callers",
      "1",
      "--load",
      "10ms"
    )
    expect(store).toMatch(/^DynamoDB Local at 127\.0\.0\.1:\d+$/)
  })
})

it("a DynamoDB that does not answer is told plainly", async () => {
  const failure = run("--check", "--url", "dynamodb://key:secret@127.0.0.1:1")
  await expect(failure).rejects.toThrow(/no DynamoDB Local answers at 127\.0\.0\.1:1/)
  await expect(failure).rejects.not.toThrow(/secret/)
})

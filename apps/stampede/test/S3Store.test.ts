import { orUnavailable, S3Moto, Unavailable } from "@cache-locking/test-servers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { run } from "./support/Run.ts"

const server = await orUnavailable(S3Moto.start({ own: true }))
const missing = server instanceof Unavailable ? ` (not run: ${server.reason})` : ""

describe.skipIf(server instanceof Unavailable)(`over a bucket of S3${missing}`, () => {
  let url = ""
  beforeAll(() => {
    if (!(server instanceof Unavailable)) url = server.url.replace("http:", "s3:")
  })
  afterAll(async () => {
    if (!(server instanceof Unavailable)) await server.stop()
  })

  it("4 × 250 callers make one origin call, and each process a few requests, however many callers it has", async () => {
    const outcome = await run("--check", "--url", url)
    const [recording] = outcome.recordings
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 1, answered: 1000 })
    expect(recording!.processes).toHaveLength(4)
    for (const { commands } of recording!.processes) {
      expect(commands!.length).toBeGreaterThan(0)
      // Nobody pushes: those who follow ask again, with growing pauses, while the load lasts.
      expect(commands!.length, commands!.join(" ")).toBeLessThanOrEqual(12)
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
    expect(store).toMatch(/^Bucket at 127/)
    expect(store).not.toMatch(/secret|key/)
  })
})

it("a bucket that does not answer is told plainly", async () => {
  const asked = run("--check", "--url", "s3://key:secret@127.0.0.1:1/bucket")
  await expect(asked).rejects.toThrow(/no bucket answers at 127\.0\.0\.1:1\/bucket/)
  await expect(asked).rejects.not.toThrow(/secret/)
})

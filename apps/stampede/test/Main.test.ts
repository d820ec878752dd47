import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { orUnavailable, poll, Redis, Unavailable } from "@cache-locking/test-servers"
import { afterAll, describe, expect, it } from "vitest"
import { App, isAlive } from "./support/App.ts"

const directory = mkdtempSync(join(tmpdir(), "stampede-test-"))
afterAll(() => rmSync(directory, { recursive: true }))

const probe = await orUnavailable(Redis.start({ own: true }))
if (!(probe instanceof Unavailable)) await probe.stop()

describe("the app", () => {
  it("shows a run on a pipe as plain lines, and says where the report is", async () => {
    const path = join(directory, "report.html")
    const { code, err, out } = await new App(["--callers", "20", "--load", "50ms", "--report", path]).ended
    expect(err).toBe("")
    expect(code).toBe(0)
    expect(out).not.toContain("\u001b")
    expect(out).toMatch(/origin calls +80 +4 +1/)
    expect(out).toContain("1 origin call for 80 callers")
    expect(out).toContain(path)
    expect(readFileSync(path, "utf8")).toContain("<!doctype html>")
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(110)
  })

  it("keeps standard output for the document with --json", async () => {
    const { code, err, out } = await new App(["--callers", "5", "--load", "20ms", "--json", "--check"]).ended
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ kept: true })
    expect(err).toContain("cache-locking")
  })

  it("refuses bad arguments with exit code 2, before anything is started", async () => {
    const app = new App(["--callers", "none"])
    const { code, err, out } = await app.ended
    expect(code).toBe(2)
    expect(out).toBe("")
    expect(err).toContain("'--callers <n>' argument 'none'")
  })

  it("answers --help", async () => {
    const { code, err, out } = await new App(["--help"]).ended
    expect({ code, err }).toEqual({ code: 0, err: "" })
    expect(out).toContain("Usage: stampede")
  })

  it("fails when the store cannot be reached", async () => {
    const { code, err } = await new App(["--url", "redis://127.0.0.1:1"]).ended
    expect(code).toBe(1)
    expect(err).toContain("no Redis answers at 127.0.0.1:1")
  })
})

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143]
] as const)("%s", (signal, expected) => {
  it.for(["memory", "cluster", "redis"])("leaves nothing behind (%s)", async (store, context) => {
    if (store === "redis" && probe instanceof Unavailable) return context.skip(probe.message)
    const processes = 3
    const app = new App(["--store", store, "--processes", String(processes), "--load", "30s", "--no-report"], {
      REDIS_URL: undefined
    })
    const servers = store === "redis" ? 1 : 0
    await poll(() => app.descendants().length >= processes + servers && app.out.includes("every caller"), {
      what: "the processes to start"
    })
    const started = app.descendants()
    app.child.kill(signal)
    const { code, err } = await app.ended
    expect(err).toBe("")
    expect(code).toBe(expected)
    await poll(() => started.every((pid) => !isAlive(pid)), { what: "all processes to exit" })
  })
})

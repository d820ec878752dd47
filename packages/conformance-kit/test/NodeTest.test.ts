import { execFile } from "node:child_process"
import { describe, expect, it } from "vitest"

/** The output of `node --test` for the suite, as TAP. */
const run = (environment: Record<string, string>): Promise<{ readonly code: number; readonly out: string }> =>
  new Promise((resolve) => {
    const file = new URL("./fixtures/node-test-suite.ts", import.meta.url).pathname
    const args = [...process.execArgv, "--test", "--test-reporter=tap", file]
    // Set by vitest's own runner, it would make `node --test` report to a parent that is not there.
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
    execFile(process.execPath, args, { env: { ...inherited, ...environment }, maxBuffer: 1e8 }, (error, out) =>
      resolve({ code: error === null ? 0 : 1, out })
    )
  })

const totals = (out: string) =>
  Object.fromEntries(Array.from(out.matchAll(/^# (pass|fail|skipped) (\d+)$/gm), ([, name, n]) => [name, Number(n)]))

describe("the node:test binding", () => {
  it("passes a good adapter, with visible skips", async () => {
    const { code, out } = await run({})
    expect(code).toBe(0)
    expect(totals(out)).toMatchObject({ fail: 0 })
    expect(totals(out)["pass"]).toBeGreaterThan(150)
    expect(out).toContain("# SKIP claimed to have no keys")
    expect(out).toContain("CACHE_LOCKING_SEED=3")
  })

  it("fails a broken one, by name", async () => {
    const { code, out } = await run({ BROKEN: "1" })
    expect(code).toBe(1)
    expect(out).toMatch(/not ok \d+ - a lease that ended is lost, even if nobody took it/)
  })
})

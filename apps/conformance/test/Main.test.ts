import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Capabilities from "../src/Capabilities.ts"
import { names } from "../src/setups/Setups.ts"

const main = new URL("../src/main.ts", import.meta.url).pathname

const run = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: unknown; readonly out: string; readonly err: string }>((resolve) => {
    execFile(process.execPath, [...process.execArgv, main, ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : error.code, out, err })
    )
  })

describe("the command line", () => {
  it("lists the setups", async () => {
    expect(await run("--list")).toMatchObject({ code: 0, out: `${names.join("\n")}\n` })
  })

  it("says whether all is up to date, and changes nothing", async () => {
    const before = readFileSync(Capabilities.file, "utf8")
    expect(await run("--check")).toEqual({ code: 0, out: "", err: "" })
    expect(readFileSync(Capabilities.file, "utf8")).toBe(before)
  })

  it("refuses an unknown setup, and names those that there are", async () => {
    const { code, err } = await run("oracle")
    expect(code).toBe(2)
    expect(err).toContain("there is no setup oracle; there are cloudflare-d1, ")
    expect((await run("--force")).code).toBe(2)
  })
})

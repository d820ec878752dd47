import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Capabilities from "../src/Capabilities.ts"
import * as Setups from "../src/Setups.ts"

const main = new URL("../src/main.ts", import.meta.url).pathname

const run = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: unknown; readonly out: string; readonly err: string }>((resolve) => {
    execFile(process.execPath, [...process.execArgv, main, ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : error.code, out, err })
    )
  })

describe("the command line", () => {
  it("lists the setups", async () => {
    expect(await run("--list")).toMatchObject({ code: 0, out: `${Setups.names().join("\n")}\n` })
  })

  it("tells whether all is current, and changes nothing", async () => {
    const before = readFileSync(Capabilities.file, "utf8")
    expect(await run("--check")).toEqual({ code: 0, out: "", err: "" })
    expect(readFileSync(Capabilities.file, "utf8")).toBe(before)
  })

  it("refuses what it does not know, and says what there is", async () => {
    const { code, err } = await run("oracle")
    expect(code).toBe(2)
    expect(err).toContain("there is no setup oracle; there are cloudflare-d1, ")
    expect((await run("--force")).code).toBe(2)
  })
})

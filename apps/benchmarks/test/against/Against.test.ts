import { execFile } from "node:child_process"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

const root = resolve(import.meta.dirname, "../../../..")

it("builds both sides, measures them in processes of their own, and has a row for each figure", async () => {
  const main = join(root, "apps/benchmarks/src/main.ts")
  const args = ["--conditions=cache-locking-source", main, "--against", "HEAD", "--quick", "--rounds", "2"]
  const { stdout } = await promisify(execFile)(process.execPath, [...args, "promise-hit", "fiber-hit", "stampede"])
  const rows = stdout.split("\n").filter((line) => line.endsWith("not judged"))
  expect(rows.map((row) => row.split(/(?<=\S) {2,}/)[0])).toEqual([
    "hit in memory through a promise, TTL",
    "hit in memory inside a fiber, TTL",
    "1,000 callers on a cold key, beyond the load",
    "  the same by the clock",
    "bytes per waiter, of 1,000 callers"
  ])
  expect(stdout).not.toMatch(/NaN|undefined|NOT/)
}, 300_000)

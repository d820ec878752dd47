/** Checks the model of the protocol, `model/Lease.qnt`, by random histories; and that it would notice a missing rule. */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const model = fileURLToPath(new URL("../model/Lease.qnt", import.meta.url))
const quint = createRequire(import.meta.url).resolve("@informalsystems/quint/dist/src/cli.js")

const invariants = ["oneLoad", "nothingOlder", "lateLoadIsRefused"] as const

/** The invariant that breaks without a rule. */
const broken: Readonly<Record<string, (typeof invariants)[number]>> = {
  "one lease at a time": "oneLoad",
  "a lease is given back by its token": "oneLoad",
  "a fill needs a lease": "lateLoadIsRefused",
  "a lease that ended is lost": "lateLoadIsRefused",
  "a change voids the lease": "nothingOlder",
  "the tag is read before the load": "nothingOlder",
  "a lost lease is not renewed": "nothingOlder",
  "who joined a void load asks again": "nothingOlder",
  "news void an answer on its way": "nothingOlder",
  "news drop the copy": "nothingOlder",
  "a process heeds its own changes": "nothingOlder"
}

/** Runs histories of 30 steps until an invariant is violated. Answers which ones were. */
const violations = (omitted: string, histories: number): Promise<ReadonlyArray<string>> =>
  new Promise((resolve, reject) => {
    const options = [
      // The other backend is a program that Quint would download.
      ...["--backend", "typescript"],
      ...["--init", `without("${omitted}")`],
      ...["--invariants", ...invariants.map((name) => `${name}(state)`)],
      ...["--max-steps", "30", "--max-samples", `${histories}`, "--seed", "1", "--verbosity", "1"]
    ]
    execFile(process.execPath, [quint, "run", model, ...options], (error, stdout, stderr) => {
      const violated = invariants.filter((name) => stdout.includes(`❌ ${name}(state)`))
      if (stdout.includes("[ok] No violation found") || violated.length > 0) resolve(violated)
      else reject(error ?? new Error(`${stdout}\n${stderr}`))
    })
  })

describe("the model", { timeout: 300_000 }, () => {
  it("is safe", async () => {
    expect(await violations("", 500)).toEqual([])
  })

  it("is known to be unsafe without each of its rules", () => {
    const rules = [...readFileSync(model, "utf8").matchAll(/omits\("([^"]+)"\)/g)].map(([, rule]) => rule)
    expect(rules.sort()).toEqual(Object.keys(broken).sort())
  })

  it.each(Object.entries(broken))("without “%s” violates %s", async (rule, invariant) => {
    expect(await violations(rule, 5_000)).toEqual([invariant])
  })
})

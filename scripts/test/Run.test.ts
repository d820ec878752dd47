import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { runSteps } from "../run/Run.ts"
import { command } from "../run/Step.ts"
import { tally, vitest } from "../run/VitestStep.ts"

const minute = 60_000
const patient = () => ({ silence: minute, deadline: performance.now() + 10 * minute })
/** The short limit applies only once the text was reported, so that no test depends on the speed of a program. */
const hastyAfter = (text: string | RegExp) => ({
  ...patient(),
  get silence() {
    return new RegExp(text).test(told.join("")) ? 2_000 : 10 * minute
  }
})
const node = (name: string, code: string) => command(name, process.execPath, "--eval", code)
const told: Array<string> = []

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

beforeEach(() => {
  told.length = 0
  // A child of a test would otherwise take itself for a worker of this run.
  for (const name of Object.keys(process.env)) if (name.startsWith("VITEST")) vi.stubEnv(name, undefined)
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, "write").mockImplementation((chunk) => told.push(String(chunk)) > 0)
  }
  vi.spyOn(console, "log").mockImplementation(() => {})
})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe("a step that is a program", () => {
  it("passes with the code 0, and its output is passed on", async () => {
    const tally = await node("speaks", "console.log('out'); console.error('err')").run(patient())
    expect(tally).toEqual({ passed: 1, failed: 0, skipped: 0, failures: [] })
    expect(told.sort()).toEqual(["err\n", "out\n"])
  })

  it("fails with any other, and its last lines are told", async () => {
    const { failed, failures } = await node("finds", "console.error('1\\n2\\n3\\n4\\n5'); process.exitCode = 3").run(
      patient()
    )
    expect(failed).toBe(1)
    expect(failures).toEqual(["finds ended with code 3\n    2\n    3\n    4\n    5"])
  })

  it("fails if it crashes", async () => {
    const { failures } = await node("crashes", "process.kill(process.pid, 'SIGSEGV')").run(patient())
    expect(failures[0]).toMatch(/^crashes was ended by SIGSEGV/)
  })

  it("fails if there is no such program", async () => {
    const { failures } = await command("absent", "no-such-program").run(patient())
    expect(failures[0]).toMatch(/^absent could not be started/)
  })

  it("is ended when it hangs, with everything that it started", async () => {
    const child = "require('node:child_process').spawn('sleep', ['600'], { stdio: 'inherit' })"
    const { failed, failures } = await node("hangs", `console.log(${child}.pid); setInterval(() => {}, 1000)`).run(
      hastyAfter("\\d\n")
    )
    expect(failed).toBe(1)
    expect(failures[0]).toMatch(/^hangs was ended after 0 minutes without a sign of life\n {4}\d+$/)
    await vi.waitFor(() => expect(isAlive(Number(told[0]))).toBe(false), { timeout: minute })
  })

  it("is not ended while it prints, however long it takes", async () => {
    const prints = "let n = 0; const t = setInterval(() => { console.log(n); if (++n === 30) clearInterval(t) }, 100)"
    expect(await node("prints", prints).run(hastyAfter("0"))).toMatchObject({ passed: 1, failed: 0 })
  })

  it("does not wait for what it leaves behind", async () => {
    const leaves = "require('node:child_process').spawn('sleep', ['600'], { stdio: 'inherit' }).unref()"
    expect(await node("leaves", leaves).run(patient())).toMatchObject({ passed: 1, failed: 0 })
  })

  it("is ended when the time of the whole run is up", async () => {
    const { failures } = await node("lasts", "setInterval(() => console.log('on'), 50)").run({
      silence: minute,
      deadline: performance.now() + 1_000
    })
    expect(failures[0]).toMatch(/^lasts was ended because the time of the whole run was up/)
  })
})

describe("a step of tests", () => {
  const tests = (...files: ReadonlyArray<string>) =>
    vitest("tests", "--root=scripts/test/fixtures/vitest", "--maxWorkers=1", ...files)
  const at = (test: string) => `scripts/test/fixtures/vitest/${test}`

  it("counts them", async () => {
    expect(await tests("passes").run(patient())).toEqual({ passed: 2, failed: 0, skipped: 2, failures: [] })
  })

  it("names what failed, and counts a group and a file that cannot begin", async () => {
    const { failures, ...counts } = await tests("passes", "fails", "absent").run(patient())
    expect(counts).toEqual({ passed: 3, failed: 4, skipped: 3 })
    expect(failures.map((failure) => failure.split("\n").slice(0, 2)).sort()).toEqual([
      [at("absent.fixture.ts"), expect.stringContaining("Cannot find module './nowhere.ts'")],
      [at("fails.fixture.ts > a group"), "    Error: no server"],
      [at("fails.fixture.ts > adds wrongly"), expect.stringContaining("expected 2 to be 3")],
      [at("fails.fixture.ts > compares wrongly"), expect.stringContaining("to deeply equal")]
    ])
    expect(failures.find((failure) => failure.includes("compares"))).toContain(
      '\n    - "found": "two",  + "found": "one",\n'
    )
  })

  it("fails for an error outside of any test", async () => {
    const { failures, ...counts } = await tests("rejects").run(patient())
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 0 })
    expect(failures[0]).toMatch(/^an error outside of any test\n {4}Error: nobody's/)
  })

  it("fails if there is no test", async () => {
    expect(await tests("nowhere").run(patient())).toMatchObject({ passed: 0, failed: 1, skipped: 0 })
  })

  it("tells what it had counted and what was running when it is ended", async () => {
    const { failures, ...counts } = await tests("hangs").run(hastyAfter("waits for ever"))
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 0 })
    expect(failures).toEqual([
      "tests was ended after 0 minutes without a sign of life when 0 of 1 files were done\n" +
        `    while in ${at("hangs.fixture.ts > waits for what never comes")}`
    ])
  })

  it("does so even when a test does not give its thread back", async () => {
    const { failures, ...counts } = await tests("spins").run(hastyAfter("spins for ever"))
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 0 })
    expect(failures[0]).toContain(`while in ${at("spins.fixture.ts > never gives the thread back")}`)
  })

  it("does so when it crashes", async () => {
    const { failures, ...counts } = await tests("crashes").run(patient())
    expect(counts).toEqual({ passed: 2, failed: 1, skipped: 0 })
    expect(failures[0]).toMatch(
      /^tests was ended by SIGKILL when 0 of 1 files were done\n {4}while in .*takes the whole run/
    )
  })

  it("counts the files that were done, and names those that were not", () => {
    const entries = [
      { files: 3 },
      { opened: "a" },
      { opened: "b" },
      { started: "1", name: "a > one", file: "a" },
      { finished: "1", name: "a > one", file: "a", state: "passed", message: "" },
      { closed: "a" }
    ] as const
    const { failures, passed } = tally("tests", { code: 1, reason: "was ended by SIGKILL" }, entries)
    expect(passed).toBe(1)
    expect(failures).toEqual(["tests was ended by SIGKILL when 1 of 3 files were done\n    while in b"])
  })

  it("names the file whose process crashed", async () => {
    const { failures, ...counts } = await tests("exits").run(patient())
    expect(counts).toEqual({ passed: 2, failed: 2, skipped: 0 })
    expect(failures[1]).toMatch(/exits\.fixture\.ts( > takes its own process down)?\n {4}did not come to its end$/)
  })
})

describe("a run", () => {
  it("goes on whatever becomes of a step", async () => {
    const outcomes = await runSteps(
      [
        node("hangs", "console.log('hangs'); setInterval(() => {}, 1000)"),
        { name: "throws", run: () => Promise.reject(new Error("no space left")) },
        { name: "passes", run: () => node("passes", "").run(patient()) }
      ],
      hastyAfter("hangs")
    )
    expect(outcomes.map(({ failed, failures, name, passed }) => [name, passed, failed, failures.length])).toEqual([
      ["hangs", 0, 1, 1],
      ["throws", 0, 1, 1],
      ["passes", 1, 0, 0]
    ])
    expect(outcomes[1]?.failures).toEqual(["throws could not be run: Error: no space left"])
    expect(outcomes[0]?.seconds).toBeGreaterThan(1)
  })

  it("names the steps for which no time was left", async () => {
    const [outcome] = await runSteps([node("late", "")], { silence: minute, deadline: performance.now() - 1 })
    expect(outcome).toMatchObject({ failed: 1, failures: [expect.stringMatching(/^late was not begun/)] })
  })
})

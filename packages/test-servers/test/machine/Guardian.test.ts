import { existsSync } from "node:fs"
import { describe, expect, it, type TestContext } from "vitest"
import { poll } from "../../src/machine/Poll.ts"
import { Postgres } from "../../src/postgres/Postgres.ts"
import { Redis } from "../../src/redis/Redis.ts"
import { isAlive, orSkip, runFixture } from "../fixtures/Support.ts"

interface Held {
  readonly pids: ReadonlyArray<number>
  readonly directory: string
}

const hold = async (context: TestContext, ending: string) => {
  await (await orSkip(context, Redis.start({ own: true }))).stop()
  return await held(runFixture("hold.ts", [ending]))
}

const held = async (fixture: ReturnType<typeof runFixture>) => {
  const line = await poll(() => /^\{.*\}$/m.exec(fixture.output())?.[0], { what: "the fixture" })
  return { ...fixture, held: JSON.parse(line) as Held }
}

const expectGone = async ({ directory, pids }: Held) => {
  await poll(() => !pids.some(isAlive), { what: "the servers to be gone" })
  await poll(() => !existsSync(directory), { what: "their data to be gone" })
}

describe("a process that starts servers", () => {
  it("leaves none behind when it is killed", async (context) => {
    const { child, ended, held } = await hold(context, "wait")
    expect(held.pids.every(isAlive)).toBe(true)
    expect(existsSync(held.directory)).toBe(true)
    child.kill("SIGKILL")
    await ended
    await expectGone(held)
  })

  it("leaves none behind when it is interrupted", async (context) => {
    const { child, ended, held } = await hold(context, "wait")
    child.kill("SIGINT")
    await ended
    await expectGone(held)
  })

  it("ends by itself although it stopped no server, and leaves none behind", async (context) => {
    const { ended, held } = await hold(context, "end")
    expect(await ended).toBe(0)
    await expectGone(held)
  })

  it("leaves none behind when it crashes", async (context) => {
    const { ended, held } = await hold(context, "throw")
    expect(await ended).not.toBe(0)
    await expectGone(held)
  })

  it("leaves no child of a server behind, not even a stopped one", async (context) => {
    await (await orSkip(context, Postgres.start({ own: true }))).stop()
    const fixture = await held(runFixture("holdPaused.ts"))
    expect(fixture.held.pids.length).toBeGreaterThan(3)
    fixture.child.kill("SIGKILL")
    await fixture.ended
    await expectGone(fixture.held)
  })
})

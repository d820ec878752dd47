import { existsSync } from "node:fs"
import { describe, expect, it, type TestContext } from "vitest"
import { poll } from "../src/Poll.ts"
import { Redis } from "../src/Redis.ts"
import { isAlive, orSkip, runFixture } from "./fixtures/Support.ts"

interface Held {
  readonly pid: number
  readonly directory: string
}

const hold = async (context: TestContext, ending: string) => {
  await (await orSkip(context, Redis.start({ own: true }))).stop()
  const fixture = runFixture("hold.ts", [ending])
  const line = await poll(() => /^\{.*\}$/m.exec(fixture.output())?.[0], { what: "the fixture", within: 10_000 })
  return { ...fixture, held: JSON.parse(line) as Held }
}

const expectGone = async (held: Held) => {
  await poll(() => !isAlive(held.pid), { what: "the server to be gone", within: 2000 })
  await poll(() => !existsSync(held.directory), { what: "its data to be gone", within: 3000 })
}

describe("a process that starts servers", () => {
  it("leaves none behind when it is killed", async (context) => {
    const { child, ended, held } = await hold(context, "wait")
    expect(isAlive(held.pid)).toBe(true)
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
})

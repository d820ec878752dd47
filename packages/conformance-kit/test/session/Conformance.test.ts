import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { cases } from "../../src/cases/Cases.ts"
import { check } from "../../src/session/Conformance.ts"
import * as Report from "../../src/session/Report.ts"
import { suite } from "../../src/vitest.ts"
import { Backend, claims } from "../fixtures/EntryAdapter.ts"

describe("a good adapter", () => {
  const backend = new Backend()
  suite({
    name: "Entry over a map",
    peers: () => ({ here: backend.peer(), there: backend.peer() }),
    claims,
    records: backend.records,
    stall: backend.stall
  })
})

describe("check", () => {
  it("judges an adapter without a test runner, and reports every case once", async () => {
    const backend = new Backend()
    const seen: Array<string> = []
    const report = await Effect.runPromise(
      check(
        {
          name: "Entry over a map, with the least",
          peers: Effect.succeed({ here: least(backend), there: least(backend) }),
          claims: { ...none, clock: "store" },
          seed: 7
        },
        { onJudged: ({ name }) => seen.push(name), concurrency: 8 }
      )
    )
    expect(Report.format(report)).not.toContain("FAILED")
    expect(Report.conforms(report)).toBe(true)
    expect(seen.toSorted()).toEqual(cases.map(({ name }) => name).toSorted())
    expect(report).toMatchObject({ adapter: "entry", seed: 7, facts: { watch: false, clock: "store" } })
    expect(Report.byLaw(report).find(({ law }) => law === "8")).toMatchObject({ passed: 0, failed: 0 })
    expect(Report.format(report)).toContain("claimed to have no watch")
    expect(Report.format(report)).toContain("the setup gives no `records`")
  })

  it("fails when the peers cannot be opened", async () => {
    const setup = {
      name: "none",
      peers: () => Promise.reject(new Error("no server")),
      claims: { ...none, clock: "store" } as const
    }
    await expect(Effect.runPromise(check(setup))).rejects.toThrow("no server")
  })
})

const none = {
  watch: false,
  keys: false,
  changes: false,
  acquireMany: false,
  deleteMany: false,
  hitUnsafe: false,
  close: false
} as const

const least = (backend: Backend) => {
  const {
    acquireMany: _,
    changes: _ch,
    close: _c,
    deleteMany: _d,
    hitUnsafe: _h,
    keys: _k,
    valueUnsafe: _v,
    watch: _w,
    ...least
  } = backend.peer()
  return least
}

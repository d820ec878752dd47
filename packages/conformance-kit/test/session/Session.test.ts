import { Adapter } from "@cache-locking/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest"
import * as Session from "../../src/session/Session.ts"
import { prove, type Steps } from "../../src/world/Case.ts"
import { peersOf, type Setup } from "../../src/world/Setup.ts"
import { Inconclusive, NotApplicable } from "../../src/world/Verdict.ts"
import { Backend, claims } from "../fixtures/EntryAdapter.ts"

const setup = (over: Partial<Setup> = {}): Setup => {
  const backend = new Backend()
  return { name: "test", peers: () => ({ here: backend.peer(), there: backend.peer() }), claims, ...over }
}

const judge = (steps: Steps, given = setup()) =>
  Effect.runPromise(
    Effect.scoped(Effect.flatMap(Session.open(given), (session) => session.judge(prove("1", "a test", steps))))
  )

describe("judge", () => {
  it("repeats an inconclusive case with doubled times, and passes once it is conclusive", async () => {
    const units: Array<number> = []
    const verdict = await judge(function* (w) {
      units.push(w.time.unit)
      if (units.length < 3) throw new Inconclusive("too slow")
    })
    expect(verdict).toEqual({ outcome: "passed" })
    expect(units).toEqual([20, 40, 80])
  })

  it("fails a case that is never conclusive, and says so", async () => {
    const verdict = await judge(function* () {
      throw new Inconclusive("12 ms passed")
    })
    expect(verdict).toMatchObject({
      outcome: "failed",
      error: { message: 'this machine is too slow to judge "a test": 12 ms passed' }
    })
  })

  it("skips a case that does not apply, and fails one in which the adapter fails", async () => {
    const skipped = await judge(function* () {
      throw new NotApplicable("no limit")
    })
    expect(skipped).toEqual({ outcome: "skipped", reason: "no limit" })
    const failed = await judge(function* (w) {
      yield* w.here.read("k".repeat(30_000))
    })
    expect(failed).toMatchObject({ outcome: "failed" })
    if (failed.outcome === "failed")
      expect(failed.error.message).toMatch(/"a test" ended with Rejected: the key is longer/)
  })

  it("gives every case keys and owners that nobody else has", async () => {
    const names = new Set<string>()
    for (let round = 0; round < 3; round++) {
      await judge(function* (w) {
        for (const name of [w.key, w.name(), w.name()]) names.add(name)
      })
    }
    expect(names.size).toBe(9)
  })
})

describe("skipReason", () => {
  const needing = (needs: Parameters<typeof prove>[3]) => prove("1", "a test", function* () {}, needs)

  it("asks for a clock that runs, which a Worker's does not", () => {
    const one = needing({ needs: "a clock that runs" })
    expect(Session.skipReason(one, { claims })).toBe(undefined)
    vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" })
    onTestFinished(() => void vi.unstubAllGlobals())
    expect(Session.skipReason(one, { claims })).toMatch(/inside a Worker/)
  })

  it("depends on the claims, never on the adapter's own members", () => {
    const none = { ...claims, watch: false, hitUnsafe: false, clock: "client" } as const
    const reason = (needs: NonNullable<Parameters<typeof prove>[3]>["needs"], of: Setup["claims"] = none) =>
      Session.skipReason(needing({ needs }), { claims: of })
    expect(reason(undefined)).toBeUndefined()
    expect(reason("watch")).toBe("claimed to have no watch")
    expect(reason("hitUnsafe")).toBe("claimed to have no hitUnsafe")
    expect(reason("hitUnsafe", { ...claims, hitUnsafe: { lag: 0 } })).toBeUndefined()
    expect(reason("records")).toContain("no `records`")
    expect(reason("a store's clock")).toBe("the clock is claimed to be the client's")
    expect(reason("the process's clock", claims)).toBe("the clock is claimed to be the store's")
    expect(reason("the process's clock", { ...claims, clock: "process" })).toBeUndefined()
  })
})

describe("seedOf", () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it("is the one given, else the environment's, else new", () => {
    vi.stubEnv("CACHE_LOCKING_SEED", "42")
    expect(Session.seedOf(setup({ seed: 7 }))).toBe(7)
    expect(Session.seedOf(setup())).toBe(42)
    vi.stubEnv("CACHE_LOCKING_SEED", "")
    expect(Session.seedOf(setup())).toBeGreaterThanOrEqual(0)
  })
})

describe("peers", () => {
  it("of layers share one backend, and are two; all is closed at the end", async () => {
    const log: Array<string> = []
    const opened = <A>(name: string, make: () => A) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          log.push(`open ${name}`)
          return make()
        }),
        () => Effect.sync(() => log.push(`close ${name}`))
      )
    const Store = Context.Service<Backend>("test/Backend")
    const peers = peersOf({
      backend: Layer.effect(
        Store,
        opened("backend", () => new Backend())
      ),
      peer: Layer.effect(
        Adapter,
        Effect.flatMap(Store, (backend) => opened("peer", () => backend.peer()))
      )
    })
    const verdict = await judge(function* (w) {
      if (w.here === w.there) throw new Error("one peer")
      yield* w.lead(w.here)
      if ((yield* w.there.read(w.key)).lease === undefined) throw new Error("two backends")
    }, setup({ peers }))
    expect(verdict).toEqual({ outcome: "passed" })
    expect(log).toEqual(["open backend", "open peer", "open peer", "close peer", "close peer", "close backend"])
  })

  it("of a plain function are closed: first the adapters, then their resources", async () => {
    const log: Array<string> = []
    const backend = new Backend()
    const peer = (name: string) => ({ ...backend.peer(), close: Effect.sync(() => void log.push(name)) })
    await judge(
      function* () {},
      setup({
        peers: async () => ({
          here: peer("here"),
          there: peer("there"),
          close: async () => void log.push("connection")
        })
      })
    )
    expect(log).toEqual(["here", "there", "connection"])
  })
})

import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { cases } from "../../src/cases/Cases.ts"
import * as Session from "../../src/session/Session.ts"
import { Contenders } from "../../src/testing/Contenders.ts"
import { races } from "../../src/vitest.ts"
import { race } from "../../src/world/Case.ts"
import { Backend, claims } from "../fixtures/EntryAdapter.ts"

const backend = new Backend()
const setup = {
  name: "Entry over a map",
  claims,
  peers: () => ({ here: backend.peer(), there: backend.peer(), more: [backend.peer()] })
}

races(setup, {
  rounds: 40,
  only: [
    "a fill against a put: the put wins",
    "two fills with one token at once: exactly one is held, and its value stays"
  ]
})

const judge = (steps: Parameters<typeof race>[2], options?: { readonly rounds: number }) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(Session.open(setup, { count: 40, atOnce: 8 }), (session) =>
        session.judge(race("1", "a race", steps, options))
      )
    )
  )

it("a race has the given rounds, each on a key of its own, and one of many has a quarter of them", async () => {
  for (const [rounds, times] of [
    [undefined, 40],
    [{ rounds: 1 }, 10]
  ] as const) {
    const keys = new Set<string>()
    const verdict = await judge(function* (w, key) {
      yield* w.lead(w.here, key)
      keys.add(key)
    }, rounds)
    expect(verdict.outcome).toBe("passed")
    expect(keys.size).toBe(times)
  }
})

it("a race that always ends alike is none, and proves nothing", async () => {
  const verdict = await judge(function* (w) {
    w.outcomes.add("held")
  })
  expect(verdict).toMatchObject({
    outcome: "failed",
    error: { message: expect.stringContaining("the same one was first") }
  })
})

it("all peers take part in a crowd", async () => {
  const asked = new Set<unknown>()
  await judge(function* (w) {
    yield* w.crowd(6, (peer) => Effect.sync(() => asked.add(peer)))
  })
  expect(asked.size).toBe(3)
})

it("the kit has races of every kind", () => {
  expect(cases.filter(({ race }) => race).length).toBeGreaterThan(20)
})

const file = new URL("../fixtures/Racer.ts", import.meta.url)

it("processes take the parts that they are given, and tasks of their own", async () => {
  await using contenders = await Contenders.start(file, ["apart"], 2)
  const acquire = { task: "acquire", key: "k", callers: 3 }
  const [one, two] = await contenders.round([acquire, { task: "double", key: "k" }])
  // The first one fills before the others ask, or after.
  expect(one!.filter((outcome) => outcome === "Leader")).toHaveLength(1)
  expect(one).toHaveLength(3)
  expect(two).toEqual(["done"])
  expect(
    await contenders.round([
      { task: "delete", key: "k" },
      { task: "none", key: "k" }
    ])
  ).toEqual([["existed"], [expect.stringContaining("there is no task none")]])
})

it("a process that ends is no contender", async () => {
  await expect(Contenders.start(file, ["ends"], 1)).rejects.toThrow("a contender ended with 3")
})

import { type Adapter, AdapterError, MemoryAdapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { type FaultSetup, type Network, underFaults } from "../../src/testing/UnderFaults.ts"
import { suiteUnderFaults } from "../../src/vitest.ts"
import { NotApplicable } from "../../src/world/Verdict.ts"

/** The possible faults of an adapter over the simulated network. */
interface Wrong {
  /** Milliseconds after which it gives up. */
  readonly patience?: number
  readonly reason?: "Unavailable" | "Rejected"
  readonly message?: string
  /** Sends the requests that it held back, once it can. */
  readonly late?: boolean
  readonly leaks?: boolean
  readonly forgets?: boolean
}

/** An adapter over a network that is made up: a memory that cannot be reached at times. */
const opened = (wrong: Wrong = {}) => {
  const memory = MemoryAdapter.make()
  const state = { silent: false, refused: false, losing: false }
  const kept: Array<Effect.Effect<unknown, unknown>> = []
  const sent: Array<string> = []
  const fail = (operation: AdapterError["operation"]) =>
    new AdapterError({
      adapter: "made up",
      operation,
      reason: wrong.reason ?? "Unavailable",
      message: wrong.message ?? "not now"
    })
  const through = <A>(operation: AdapterError["operation"], verb: Effect.Effect<A, AdapterError>) =>
    Effect.suspend((): Effect.Effect<A, AdapterError> => {
      if (state.silent || state.refused) {
        if (wrong.leaks) setTimeout(() => {}, 60_000)
        if (wrong.late) kept.push(verb)
        return Effect.andThen(Effect.sleep(wrong.patience ?? 5), Effect.fail(fail(operation)))
      }
      sent.push(operation)
      if (!state.losing) return verb
      state.losing = false
      return Effect.andThen(verb, Effect.fail(fail(operation)))
    })
  const { acquireMany: _, changes: _c, deleteMany: _d, hitUnsafe: _h, keys: _k, watch: _w, ...verbs } = memory
  const adapter: Adapter = {
    ...verbs,
    name: "made up",
    acquire: (key, options) =>
      through(
        "acquire",
        memory.acquire(key, wrong.forgets ? { ...options, force: true, owner: `${Math.random()}` } : options)
      ),
    fill: (key, options) => through("fill", memory.fill(key, options)),
    abandon: (key, options) => through("abandon", memory.abandon(key, options)),
    renew: (key, options) => through("renew", memory.renew(key, options)),
    delete: (key) => through("delete", memory.delete(key)),
    put: (key, options) => through("put", memory.put(key, options)),
    touch: (key, options) => through("touch", memory.touch(key, options)),
    read: (key) => through("read", memory.read(key))
  }
  const network: Network = {
    blackhole: () => {
      state.silent = true
    },
    refuse: () => {
      state.refused = true
    },
    cut: () => {},
    dropReplies: () => {
      state.losing = true
    },
    heal: async () => {
      Object.assign(state, { silent: false, refused: false, losing: false })
      for (const verb of kept.splice(0)) {
        sent.push("late")
        await Effect.runPromise(Effect.ignore(verb))
      }
    }
  }
  return { adapter, network, secrets: ["hunter2"], sent: () => sent.splice(0) }
}

const setup = (wrong?: Wrong): FaultSetup => ({
  name: "an adapter over a made-up network",
  within: 200,
  lateness: 20,
  open: () => opened(wrong)
})

suiteUnderFaults(setup())

describe("an adapter is caught", () => {
  it.each<[string, Wrong, string]>([
    [
      "that takes too long to give up",
      { patience: 250 },
      "fails in time while the network swallows everything, and goes on after it"
    ],
    [
      "that says that asking again is of no use",
      { reason: "Rejected" },
      "fails in time while connections are refused, and sends nothing late"
    ],
    [
      "that shows values in its errors",
      { message: "cannot put a secret" },
      "fails in time while the network swallows everything, and goes on after it"
    ],
    [
      "that shows a password in its errors",
      { message: "no answer of redis://me:hunter2@host" },
      "tells no secret, whether it reaches its backend or not"
    ],
    ["that sends late", { late: true }, "fails in time while connections are refused, and sends nothing late"],
    ["that sends late for callers that left", { late: true }, "sends nothing late for callers that leave"],
    [
      "that does not know an owner again",
      { forgets: true },
      "gives a caller that asks again after a lost reply the same lease"
    ]
  ])("%s", async (_, wrong, name) => {
    const check = underFaults(setup(wrong)).find((one) => one.name === name)!
    await expect(check.run()).rejects.toThrow(
      /took|failed with|shows a value|shows hunter2|nobody waits|another lease|does not follow/
    )
  })

  it("is not judged by parts that its setup does not give", async () => {
    const names = [
      "fails in time while the server stands still, and goes on after it",
      "finds a backend that came back empty: no value, no lease, and no token counts"
    ]
    for (const { name, run } of underFaults(setup())) {
      if (names.includes(name)) await expect(run()).rejects.toThrow(NotApplicable)
    }
  })
})

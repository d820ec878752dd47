/**
 * The faults that every adapter must survive: a backend that does not answer, a network that breaks, lost replies, a
 * store that restarts empty. Verbs fail as `Unavailable`, in time; then the same adapter goes on, and nothing is left
 * behind.
 */
import { type Adapter, type AdapterError, isAdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { show } from "../world/Expect.ts"
import type { Stall } from "../world/Setup.ts"
import { NotApplicable, Violation } from "../world/Verdict.ts"
import {
  allVerbs,
  ask,
  type Call,
  hitOf,
  lead,
  lifetime,
  minute,
  put,
  run,
  sleep,
  subscriptions,
  tagOf,
  until,
  value
} from "./Calls.ts"
import { type Check, ensure, timers } from "./Check.ts"
import { keepsSecrets, shows } from "./Secrets.ts"

/** A network between the adapter and its backend that can be made to fail: a proxy of your tests. */
export interface Network {
  /** Nothing passes any more, in either direction; connections stay, and new ones are accepted. */
  readonly blackhole: () => void | Promise<void>
  /** New connections are refused; present ones stay. */
  readonly refuse: () => void | Promise<void>
  /** Resets all present connections; new ones are accepted. */
  readonly cut: () => void | Promise<void>
  /** The next reply is lost, with its connection. With a name, it is the next reply to a request of that name. */
  readonly dropReplies?: (count: number, options: { readonly after?: string }) => void | Promise<void>
  /** Ends all faults. */
  readonly heal: () => void | Promise<void>
  readonly stats?: { readonly open: number }
}

/** For law 14: `here` gets no answers while its network swallows everything. */
export const stallOf = (network: () => Pick<Network, "blackhole" | "heal">, within: number): Stall => ({
  begin: Effect.acquireRelease(
    Effect.promise(async () => network().blackhole()),
    () => Effect.promise(async () => network().heal())
  ),
  within
})

/**
 * For law 14 on a busy machine: adapters that are bounded closely only while their store is stalled on purpose. Any
 * other case may take longer than a close bound, because the largest values delay all other requests.
 */
export const closelyWhileStalled = (
  network: () => Pick<Network, "blackhole" | "heal">,
  commandTimeout: number,
  bound = 2 * commandTimeout
) => {
  let stalled = false
  const blackhole = () => {
    stalled = true
    return network().blackhole()
  }
  const heal = () => {
    stalled = false
    return network().heal()
  }
  return {
    /** An adapter with this bound during the stall, and twenty times this bound otherwise. */
    peer: <A extends Adapter>(make: (commandTimeout: number) => A): A => {
      const quick = make(commandTimeout)
      const patient = make(20 * commandTimeout)
      return new Proxy(quick, { get: (_, name) => Reflect.get(stalled ? quick : patient, name) })
    },
    stall: stallOf(() => ({ blackhole, heal }), bound)
  }
}

/** An adapter of one test, over a network of its own. */
export interface UnderFaults {
  readonly adapter: Adapter
  readonly network: Network
  /** The requests that reached the network since the last call, without those that the client sends by itself. */
  readonly sent?: (() => ReadonlyArray<string>) | undefined
  /** Words of the adapter's own that nobody may be told: a password, a prefix. */
  readonly secrets?: ReadonlyArray<string> | undefined
  /** Counts the listeners that the adapter adds to its client. */
  readonly listeners?: (() => number) | undefined
  /** Closes the adapter's client when the test is over. */
  readonly close?: (() => void | Promise<void>) | undefined
}

export interface FaultSetup {
  readonly name: string
  readonly open: () => UnderFaults | Promise<UnderFaults>
  /** Milliseconds within which all verbs fail that are called at once; subscriptions may take twice as long. */
  readonly within: number
  /** A process that can be stopped (`SIGSTOP`) and go on. */
  readonly server?: { readonly pause: () => Promise<void>; readonly resume: () => Promise<void> } | undefined
  /** A backend of the test's own that loses everything by `restart`, and an adapter over it. */
  readonly emptied?:
    | (() => Promise<Pick<UnderFaults, "adapter" | "close"> & { readonly restart: () => Promise<void> }>)
    | undefined
  /** The request whose reply is lost, where `acquire` sends more than one. */
  readonly granting?: string | undefined
  /** False where the backend refuses subscriptions: then only their failures are checked. Default: true. */
  readonly subscribes?: boolean | undefined
  /** True where a client queues all requests until a first call has failed, and cannot withdraw all of them. */
  readonly keepsBackOnceFailed?: boolean | undefined
  /** True where the first call after a fault succeeds, because no lost connection is used. */
  readonly recoversAtOnce?: boolean | undefined
  /** Milliseconds in which a client would send the requests that it held back. Default: 600. */
  readonly lateness?: number | undefined
}

const failsAsUnavailable = async (adapter: Adapter, calls: ReadonlyArray<Call>, within: number): Promise<void> => {
  const began = performance.now()
  const ended = await Promise.all(calls.map(([, call]) => run(Effect.result(call))))
  const took = Math.round(performance.now() - began)
  for (const [index, result] of ended.entries()) {
    const [operation] = calls[index]!
    if (result._tag === "Success") throw new Violation(`${operation} was answered: ${show(result.success)}`)
    const error = result.failure
    ensure(isAdapterError(error), `${operation} failed with something else than an AdapterError: ${show(error)}`)
    const told = [error.adapter, error.operation, error.reason, error.retryable]
    // A batch may be made of single calls.
    const fits = [operation, operation.replace("Many", "")].some(
      (name) => show([adapter.name, name, "Unavailable", true]) === show(told)
    )
    ensure(fits, `${operation} failed with ${show(told)}: ${error.message}`)
    ensure(!shows(error, "secret"), `the error of ${operation} shows a value: ${error.message}`)
  }
  ensure(took < within, `the verbs took ${took} ms, not less than ${within}`)
}

/** Expects that all verbs fail as `Unavailable`: typed, retryable, showing no value, within this many milliseconds. */
export const expectUnavailable = async (adapter: Adapter, within: number): Promise<void> => {
  await Promise.all([
    failsAsUnavailable(adapter, allVerbs(adapter), within),
    failsAsUnavailable(adapter, subscriptions(adapter), 2 * within)
  ])
}

/**
 * Repeats a call until it succeeds, because a client takes a moment to connect again. Fails after two minutes, or with
 * `Rejected`.
 */
export const answered = async <A>(call: Effect.Effect<A, AdapterError>, within = 120_000): Promise<A> => {
  const until = performance.now() + within
  for (;;) {
    const result = await run(Effect.result(call))
    if (result._tag === "Success") return result.success
    if (!result.failure.retryable || performance.now() > until) throw result.failure
    await sleep(20)
  }
}

/** Expects that the same adapter works again within this many milliseconds. */
export const expectRecovery = async (adapter: Adapter, subscribes = true, within = 120_000): Promise<void> => {
  await answered(adapter.put("after", { value: value(1), lifetime: lifetime(minute) }), within)
  const found = await answered(adapter.acquire("after", ask("you")), within)
  ensure(found._tag === "Hit", `what was put after the fault is answered with ${show(found)}`)
  if (subscribes) for (const [, call] of subscriptions(adapter, "after")) await answered(call)
}

/** The suite: a check for each fault. */
export const underFaults = (setup: FaultSetup): ReadonlyArray<Check> => {
  const { lateness = 600, subscribes = true, within } = setup
  const unavailable = (adapter: Adapter) => expectUnavailable(adapter, within)
  const recovers = (adapter: Adapter) => expectRecovery(adapter, subscribes, setup.recoversAtOnce ? 0 : undefined)

  const check = (name: string, steps: (opened: UnderFaults) => Promise<void>): Check => ({
    name,
    run: async () => {
      const opened = await setup.open()
      const { adapter, close, network } = opened
      try {
        for (const [, call] of [...allVerbs(adapter), ...(subscribes ? subscriptions(adapter) : [])])
          await answered(call)
        await run(adapter.delete("k"))
        await steps(opened)
      } finally {
        await network.heal()
        await run(Effect.ignore(adapter.close ?? Effect.void))
        await close?.()
      }
    }
  })

  /** The backend is unreachable; the requests sent until then are forgotten. */
  const gone = async ({ network }: UnderFaults) => {
    await network.refuse()
    await network.cut()
    await sleep(20)
  }

  /** The backend is reachable again, and gets no request for which nobody waits any more. */
  const nothingLate = async ({ adapter, network, sent }: UnderFaults) => {
    sent?.()
    await network.heal()
    if (sent !== undefined) {
      await sleep(lateness)
      const late = sent()
      ensure(late.length === 0, `sent though nobody waits for it: ${late}`)
    }
    await recovers(adapter)
  }

  return [
    check("fails in time while the server stands still, and goes on after it", async ({ adapter }) => {
      const { server } = setup
      if (server === undefined) throw new NotApplicable("the setup gives no `server` to pause")
      await server.pause()
      try {
        for (let i = 0; i < 2; i++) await unavailable(adapter)
      } finally {
        await server.resume()
      }
      await recovers(adapter)
    }),

    check("fails in time while the network swallows everything, and goes on after it", async ({ adapter, network }) => {
      await network.blackhole()
      for (let i = 0; i < 2; i++) await unavailable(adapter)
      await network.heal()
      await recovers(adapter)
    }),

    check("fails in time while connections are refused, and sends nothing late", async (opened) => {
      await gone(opened)
      await unavailable(opened.adapter)
      await nothingLate(opened)
    }),

    check("tells no secret, whether it reaches its backend or not", async (opened) => {
      await keepsSecrets(opened.adapter, opened.secrets)
      await gone(opened)
      await keepsSecrets(opened.adapter, opened.secrets)
    }),

    check("sends nothing late for callers that leave", async (opened) => {
      await gone(opened)
      if (setup.keepsBackOnceFailed) await run(Effect.ignore(opened.adapter.read("k")))
      const fibers = allVerbs(opened.adapter).map(([, call]) => Effect.runFork(call))
      await sleep(30)
      await run(Fiber.interruptAll(fibers))
      await nothingLate(opened)
    }),

    check("goes on as soon as it can connect again", async ({ adapter, ...opened }) => {
      await gone({ adapter, ...opened })
      const healed = sleep(60).then(() => opened.network.heal())
      await expectRecovery(adapter, subscribes)
      await healed
    }),

    check("settles every verb whose connection is cut, and goes on after it", async ({ adapter, network }) => {
      for (let round = 0; round < 5; round++) {
        const settling = Promise.all(allVerbs(adapter).map(([, call]) => run(Effect.result(call))))
        await sleep(round)
        await network.cut()
        for (const result of await settling) {
          if (result._tag === "Failure") ensure(result.failure.retryable, `failed for good: ${show(result.failure)}`)
        }
        await recovers(adapter)
      }
    }),

    check("gives a caller that asks again after a lost reply the same lease", async ({ adapter, network }) => {
      if (network.dropReplies === undefined) throw new NotApplicable("the network cannot lose a reply")
      await network.dropReplies(1, { ...(setup.granting && { after: setup.granting }) })
      const first = await run(Effect.result(adapter.acquire("lost", ask("me"))))
      await network.heal()
      await answered(adapter.read("lost"))
      const again = await lead(adapter, "lost")
      if (first._tag === "Success") ensure(show(first.success) === show(again), "asked again, it has another lease")
      else ensure(first.failure.retryable, `failed for good: ${show(first.failure)}`)
      ensure((await lead(adapter, "lost")).token === again.token, "asked once more, it has another lease")
      ensure((await tagOf(adapter, "lost")) === "Follower", "another does not follow")
      const fill = { token: again.token, value: value(1), lifetime: lifetime(minute) }
      ensure(await run(adapter.fill("lost", fill)), "the fill was not held")
      await run(adapter.delete("lost"))
    }),

    {
      name: "finds a backend that came back empty: no value, no lease, and no token counts",
      run: async () => {
        if (setup.emptied === undefined) throw new NotApplicable("the setup gives no backend that can be `emptied`")
        const { adapter, close, restart } = await setup.emptied()
        try {
          const { token } = await lead(adapter, "k")
          await put(adapter, "seen")
          for (let i = 0; i < 8; i++) await hitOf(adapter, "seen")
          await restart()
          ensure(!(await answered(adapter.renew("k", { token, leaseFor: 1_000 }))), "an old token was renewed")
          const fill = { token, value: value(1), lifetime: lifetime(minute) }
          ensure(!(await run(adapter.fill("k", fill))), "an old token was filled with")
          for (const key of ["seen", "k"]) ensure((await tagOf(adapter, key)) === "Leader", `${key} is still there`)
        } finally {
          await run(Effect.ignore(adapter.close ?? Effect.void))
          await close?.()
        }
      }
    },

    {
      name: "leaves no timer, listener or connection behind",
      run: async () => {
        const before = timers()
        let open = () => 0
        await check("", async (opened) => {
          const { adapter, listeners = () => 0, network } = opened
          open = () => network.stats?.open ?? 0
          await run(adapter.close ?? Effect.void)
          const listening = listeners()
          await gone(opened)
          for (let i = 0; i < 3; i++) await unavailable(adapter)
          await network.heal()
          await recovers(adapter)
          await run(adapter.close ?? Effect.void)
          ensure(listeners() === listening, `${listeners()} listeners, not ${listening} as before`)
        }).run()
        await until("the end of all connections", () => open() === 0)
        await until(`the end of all timers but the ${before} of before`, () => timers() <= before)
      }
    }
  ]
}

/**
 * Makes the faults of a story.
 */
import type { Random } from "./Random.ts"
import type { Event, StoreKind, Verb } from "./Story.ts"

const verbs: ReadonlyArray<Verb> = ["acquire", "fill", "abandon", "renew", "read", "watch", "push", "any"]

const verbsOf: { readonly [K in StoreKind]?: ReadonlyArray<Verb> } = {
  "client-clock": ["read", "fill", "any"],
  values: [...verbs, "get-value", "set-value", "delete-value"]
}

/** The calls, processes and instants that faults may strike. */
export interface Struck {
  readonly at: () => number
  readonly process: () => number
  readonly key: () => string
  readonly calls: ReadonlyArray<Event>
}

/** At least 3 faults. */
export const faultsOf = (store: StoreKind, random: Random, struck: Struck): ReadonlyArray<Event> => {
  const often = oftenOf(store, random, struck)
  return [...often, ...Array.from({ length: random.between(3, 6) }, () => one(store, random, struck))]
}

/** The faults that a kind of store has besides. */
const oftenOf = (store: StoreKind, random: Random, { at, calls, process }: Struck): ReadonlyArray<Event> => {
  if (store === "tiered-push") {
    // A connection that is broken unnoticed, for more than two heartbeats.
    return Array.from({ length: random.between(0, 2) }, (): Event => {
      const millis = random.pick([3_000, 6_000])
      return { at: at(), do: "lose", process: process(), verb: "push", leg: "reply", for: millis }
    })
  }
  if (store === "values" && random.next() < 0.4) {
    const millis = random.pick([50, 200, 800])
    return [
      random.next() < 0.5 ? { at: at(), do: "forget-values" } : { at: at(), do: "refuse", values: true, for: millis }
    ]
  }
  if (store !== "isolates") return []
  return Array.from({ length: random.between(0, 5) }, (): Event => {
    const call = random.pick(calls.filter((event) => "request" in event && "process" in event))
    const { process, request } = call as Extract<Event, { readonly request?: number }>
    return { at: call.at + random.pick([1, 20, 150, 1_000, 3_000]), do: "cut", process, request: request! }
  })
}

const one = (store: StoreKind, random: Random, struck: Struck): Event => {
  const [at, process, span] = [struck.at(), struck.process(), random.pick([50, 200, 800])]
  const verb = random.pick(verbsOf[store] ?? verbs)
  const leg = random.pick(["request", "reply"] as const)
  const steps = store === "client-clock" ? [-2_000, -300, 300, 2_000] : [-3_600_000, -20_000, 300, 60_000]
  const roll = random.next()
  if (roll < 0.3) return { at, do: "slow", process, verb, leg, by: random.pick([10, 60, 200, 900]), for: span }
  if (roll < 0.5) return { at, do: "lose", process, verb, leg, for: span }
  if (roll < 0.6) return { at, do: "double", process, verb, by: random.pick([0, 10, 200, 2_000]), for: span }
  if (roll < 0.7) return { at, do: "pause", process, for: random.pick([200, 1_500, 4_000]) }
  if (roll < 0.8) return { at, do: "refuse", for: span }
  if (roll < 0.88) return { at, do: "step", process, by: random.pick(steps) }
  if (roll < 0.92) return { at, do: "forget", key: struck.key() }
  // An isolate ends without a word.
  return { at, do: roll < 0.96 || store === "isolates" ? "kill" : "close", process }
}

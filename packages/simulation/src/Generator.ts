/** Makes stories from seeds. */
import { Random } from "./Random.ts"
import { defaults, type Event, type StoreKind, type Story, type Verb } from "./Story.ts"

export const kinds: ReadonlyArray<StoreKind> = ["push", "polling", "client-clock"]

const verbs: ReadonlyArray<Verb> = ["acquire", "fill", "abandon", "renew", "read", "watch", "push", "any"]

/** Requests that always take longer: those of one verb, or those around a subscription, where rare interleavings lie. */
const slowerOf = (random: Random): Story["slower"] => {
  const roll = random.next()
  if (roll < 0.2) return { watch: random.between(55, 100), acquire: random.between(60, 100) }
  return roll < 0.4 ? { [random.pick(verbs.slice(0, 6))]: random.between(10, 90) } : {}
}

/** At least 3 processes, 30 calls and 3 faults. */
export const storyOf = (store: StoreKind, seed: number): Story => {
  const random = new Random(seed)
  const processes = random.between(3, 5)
  const process = (): number => random.between(0, processes - 1)
  const keys = ["a", "b", "c"].slice(0, random.between(1, 3))
  const key = (): string => random.pick(keys)
  const length = random.between(2_000, 12_000)
  const at = (): number => random.between(0, length)
  const takes = (): number => random.pick([0, 5, 50, 300, 1_000, 4_000, 8_000])
  const events: Array<Event> = []
  for (let n = random.between(30, 60); n > 0; n--) {
    const roll = random.next()
    const call = { at: at(), do: "get-or-set", process: process(), key: key(), takes: takes() } as const
    if (roll < 0.05) events.push({ ...call, fails: true })
    else if (roll < 0.75) events.push(call)
    else if (roll < 0.8) events.push({ at: at(), do: "refresh", process: process(), key: key(), takes: takes() })
    else if (roll < 0.85) events.push({ at: at(), do: "get", process: process(), key: key() })
    else {
      const by = random.pick(["delete", "set", "tag"] as const)
      const change = { at: at(), do: "change", process: process(), key: key(), by } as const
      events.push(change)
      // Two processes that invalidate at once write the same log.
      if (by === "tag" && random.next() < 0.5) events.push({ ...change, process: process(), key: key() })
    }
  }
  const steps = store === "client-clock" ? [-2_000, -300, 300, 2_000] : [-3_600_000, -20_000, 300, 60_000]
  for (let n = random.between(3, 6); n > 0; n--) {
    const roll = random.next()
    const span = random.pick([50, 200, 800])
    if (roll < 0.35) {
      const leg = random.pick(["request", "reply"] as const)
      events.push({
        at: at(),
        do: "slow",
        process: process(),
        verb: random.pick(verbs),
        leg,
        by: random.pick([10, 60, 200, 900]),
        for: span
      })
    } else if (roll < 0.6) {
      const leg = random.pick(["request", "reply"] as const)
      events.push({ at: at(), do: "lose", process: process(), verb: random.pick(verbs), leg, for: span })
    } else if (roll < 0.7)
      events.push({ at: at(), do: "pause", process: process(), for: random.pick([200, 1_500, 4_000]) })
    else if (roll < 0.8) events.push({ at: at(), do: "refuse", for: span })
    else if (roll < 0.88) events.push({ at: at(), do: "step", process: process(), by: random.pick(steps) })
    else if (roll < 0.92) events.push({ at: at(), do: "forget", key: key() })
    else if (roll < 0.96) events.push({ at: at(), do: "kill", process: process() })
    else events.push({ at: at(), do: "close", process: process() })
  }
  const delay = random.pick([1, 5, 25, 100])
  const settings = {
    ...defaults,
    cacheTtl: random.pick([200, 2_000, 20_000]),
    leaseTtl: random.pick([600, 3_000, 15_000]),
    staleWhileRevalidate: random.pick([0, 0, 2_000]),
    waitMax: random.pick([1_000, 4_000, 20_000]),
    tags: random.pick(["given", "told"] as const)
  }
  return {
    store,
    processes,
    settings,
    delay,
    slower: slowerOf(random),
    commandTimeout: delay === 100 ? 1_000 : random.pick([300, 1_000]),
    events
  }
}

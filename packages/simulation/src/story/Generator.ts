/** Makes stories from seeds. */
import { callOf } from "./Calls.ts"
import { faultsOf } from "./Faults.ts"
import { Random } from "./Random.ts"
import { withRarity } from "./Rarities.ts"
import { type CacheSettings, defaults, type Event, type StoreKind, type Story, type Verb } from "./Story.ts"

export const kinds: ReadonlyArray<StoreKind> = [
  "push",
  "polling",
  "client-clock",
  "tiered-push",
  "tiered-ttl",
  "values",
  "isolates"
]

/** Verbs that may always take longer. */
const verbs: ReadonlyArray<Verb> = ["acquire", "fill", "abandon", "renew", "read", "watch"]

/** Requests that always take longer: those of one verb, or those around a subscription, where rare interleavings lie. */
const slowerOf = (random: Random): Story["slower"] => {
  const roll = random.next()
  if (roll < 0.2) return { watch: random.between(55, 100), acquire: random.between(60, 100) }
  return roll < 0.4 ? { [random.pick(verbs)]: random.between(10, 90) } : {}
}

/** The settings that only some kinds of store have. */
const kindOf = (store: StoreKind, random: Random): Pick<Story, "tier" | "lag" | "waitUntil"> => {
  switch (store) {
    case "tiered-push":
      return { tier: { ttl: 60_000, heartbeat: random.pick([500, 1_000]) } }
    case "tiered-ttl":
      return { tier: { ttl: random.pick([100, 500, 2_000]) } }
    case "values":
      return { lag: random.pick([0, 0, 300]) }
    case "isolates":
      return { waitUntil: random.next() < 0.5 }
    default:
      return {}
  }
}

const settingsOf = (random: Random): CacheSettings => ({
  ...defaults,
  cacheTtl: random.pick([200, 2_000, 20_000]),
  leaseTtl: random.pick([600, 3_000, 15_000]),
  staleWhileRevalidate: random.pick([0, 0, 2_000]),
  staleIfError: random.pick([0, 0, 0, 10_000]),
  waitMax: random.pick([1_000, 4_000, 20_000]),
  onAdapterError: random.pick(["fail", "fail", "fetch"]),
  tags: random.pick(["given", "told"]),
  ...(random.next() < 0.25 && { onWaitTimeout: random.pick(["stale", "fail"] as const) }),
  ...(random.next() < 0.25 && { fetchTimeout: random.pick([{ soft: 100 }, { hard: 2_000 }, { soft: 40, hard: 600 }]) }),
  ...(random.next() < 0.3 && {
    declines: random.pick(["shouldCache", "cacheTtl"] as const),
    bypassFor: random.pick([0, 1_000, 10_000])
  })
})

/** At least 3 processes, 30 calls and 3 faults. */
export const storyOf = (store: StoreKind, seed: number): Story => {
  const random = new Random(seed)
  const processes = random.between(3, 5)
  const process = (): number => random.between(0, processes - 1)
  const keys = ["a", "b", "c"].slice(0, random.between(1, 3))
  const key = (): string => random.pick(keys)
  const length = random.between(2_000, 12_000)
  const at = (): number => random.between(0, length)
  const settings = settingsOf(random)
  const stage = {
    random,
    processes,
    keys,
    length,
    declined: settings.declines === undefined ? 0 : random.pick([0.4, 0.9])
  }
  const events = Array.from({ length: random.between(30, 60) }, () => callOf(stage)).flat()
  // Some requests make two calls.
  const numbered = (event: Event, at: number): Event =>
    store === "isolates" && "takes" in event ? { ...event, request: random.next() < 0.2 ? at >> 1 : at } : event
  const calls = events.map(numbered)
  const delay = random.pick([1, 5, 25, 100])
  const story: Story = {
    store,
    processes,
    settings,
    ...kindOf(store, random),
    delay,
    slower: slowerOf(random),
    commandTimeout: delay === 100 ? 1_000 : random.pick([300, 1_000]),
    events: [...calls, ...faultsOf(store, random, { at, process, key, calls })]
  }
  // From another seed, so that a story without rarities is the same as before.
  return withRarity(story, new Random(-1 - seed))
}

/**
 * What few stories have, so that the rare cells of the tables are reached.
 */
import type { Random } from "./Random.ts"
import type { CacheSettings, Loading, StoreKind, Story } from "./Story.ts"

interface Rarity {
  readonly settings?: Partial<CacheSettings>
  readonly slower?: Story["slower"]
  /** What a load may have beside. */
  readonly load?: () => Pick<Loading, "fails" | "uncacheable" | "unencodable"> & { readonly leaves?: number }
}

const rarities: ReadonlyArray<(random: Random, settings: CacheSettings) => Rarity> = [
  (random, { cacheTtl }) => ({
    settings: { sliding: true, maxAge: random.pick([1, 3]) * cacheTtl, staleWhileRevalidate: random.pick([0, 2_000]) }
  }),
  (random) => ({ settings: { earlyRefresh: { beta: random.pick([1, 10]) }, refreshConcurrency: 1 } }),
  (random) => ({
    settings: { bypassFor: random.pick([0, 1_000]), declines: random.pick(["shouldCache", "cacheTtl"] as const) },
    load: () => (random.next() < 0.3 ? random.pick([{ uncacheable: true }, { unencodable: true }] as const) : {})
  }),
  (random) => ({ settings: { fetchTimeout: { soft: random.pick([50, 400]), hard: random.pick([500, 2_000]) } } }),
  (random) => ({
    settings: {
      onAdapterError: random.pick(["fail", "fetch"] as const),
      onCooling: random.pick(["fail", "fetch"] as const),
      onLeaseLost: "interrupt",
      onWaitTimeout: random.pick(["stale", "fail"] as const),
      staleIfError: random.pick([0, 5_000])
    }
  }),
  (random) => ({
    settings: {
      cacheTtl: random.pick([200, 2_000]),
      cooldown: random.pick([300, 2_000]),
      cooldownMax: 2_000,
      sliding: true,
      staleIfError: 5_000
    },
    load: () => (random.next() < 0.3 ? { fails: true } : {})
  }),
  (random) => ({ load: () => (random.next() < 0.4 ? { leaves: random.between(0, 1_500) } : {}) }),
  // A subscription that is live when the lease is over.
  (random) => ({ settings: { leaseTtl: 600 }, slower: { watch: random.between(300, 1_500) } })
]

/** The kinds of stores whose flights and entries are those of the tables, and no more. */
const kinds: ReadonlyArray<StoreKind> = ["push", "polling", "client-clock"]

/** The story, and in some kinds now and then a rarity. */
export const withRarity = (story: Story, random: Random): Story => {
  if (!kinds.includes(story.store) || random.next() < 0.6) return story
  const { load = () => ({}), settings, slower = story.slower } = random.pick(rarities)(random, story.settings)
  const within = random.pick([0, 100, 5_000])
  return {
    ...story,
    // A value that slides has no lifetime that a function tells.
    settings: { ...story.settings, ...settings, ...(settings?.sliding && { declines: undefined }) },
    slower,
    events: story.events.map((event) =>
      "takes" in event ? { ...event, ...load() } : event.do === "close" ? { ...event, within } : event
    )
  }
}

/**
 * States × verbs of an entry: the states after each, or the reason why the verb cannot have that answer.
 */
import type { EntryEvent, EntryState, Unreachable } from "./Cells.ts"

/** The states that an event leads to from a state. */
export type EntryCell = ReadonlyArray<EntryState> | Unreachable

type Row = { readonly [S in EntryState]: EntryCell }

const never = (unreachable: string): Unreachable => ({ unreachable })

const notFresh = never("only a fresh value is a hit")
const noLease = never("only the token of a living lease is accepted")
const freeOrHit = never("nobody leads, or the value is fresh")
const warmOrHit = never("the key does not cool down, or the value is fresh")
const noValue = never("there is no value")
const someValue = never("there is a value")
const fresh = never("the value is fresh")
const timeless = never("nothing is there that could end")

/** What each event is. */
export const entryMeanings: { readonly [E in EntryEvent]: string } = {
  "acquire → Hit": "the value is fresh, and nobody wants to refresh it, or another one does already",
  "acquire → Leader": "nobody else leads, and there is no fresh value; or the lease is forced, or asked for early",
  "acquire → Follower": "another owner holds the lease",
  "acquire → Cooling": "a load failed a moment ago",
  "fill → true": "the value is stored, or its lifetime begins anew; a mark is stale from the beginning",
  "fill → false": "the lease is lost",
  "abandon → true": "the lease ends without a value, and after a failed load a cooldown begins",
  "abandon → false": "the lease is lost",
  "renew → true": "the time of the lease begins anew",
  "renew → false": "the lease is lost",
  "remove → true": "everything is removed, a lease and a cooldown too",
  "remove → false": "the same, where there was no value",
  "put → done": "the value is stored, and a lease and a cooldown end",
  "touch → true": "the value stays fresh for longer, or less long",
  "touch → false": "there is no fresh value",
  "time passes": "a lifetime, a lease or a cooldown ends by itself"
}

/** An event that changes nothing, whatever the state. */
const unchanged: Row = {
  absent: ["absent"],
  "absent, leased": ["absent, leased"],
  "absent, cooling": ["absent, cooling"],
  fresh: ["fresh"],
  "fresh, leased": ["fresh, leased"],
  "fresh, cooling": ["fresh, cooling"],
  stale: ["stale"],
  "stale, leased": ["stale, leased"],
  "stale, cooling": ["stale, cooling"]
}

const unleased = {
  absent: noLease,
  "absent, cooling": noLease,
  fresh: noLease,
  "fresh, cooling": noLease,
  stale: noLease,
  "stale, cooling": noLease
} as const

export const entryTable: { readonly [E in EntryEvent]: Row } = {
  "acquire → Hit": {
    absent: notFresh,
    "absent, leased": notFresh,
    "absent, cooling": notFresh,
    fresh: ["fresh"],
    "fresh, leased": ["fresh, leased"],
    "fresh, cooling": ["fresh, cooling"],
    stale: notFresh,
    "stale, leased": notFresh,
    "stale, cooling": notFresh
  },
  "acquire → Leader": {
    absent: ["absent, leased"],
    "absent, leased": ["absent, leased"],
    "absent, cooling": ["absent, leased"],
    fresh: ["fresh, leased"],
    "fresh, leased": ["fresh, leased"],
    "fresh, cooling": ["fresh, leased"],
    stale: ["stale, leased"],
    "stale, leased": ["stale, leased"],
    "stale, cooling": ["stale, leased"]
  },
  "acquire → Follower": {
    absent: freeOrHit,
    "absent, leased": ["absent, leased"],
    "absent, cooling": freeOrHit,
    fresh: freeOrHit,
    "fresh, leased": freeOrHit,
    "fresh, cooling": freeOrHit,
    stale: freeOrHit,
    "stale, leased": ["stale, leased"],
    "stale, cooling": freeOrHit
  },
  "acquire → Cooling": {
    absent: warmOrHit,
    "absent, leased": warmOrHit,
    "absent, cooling": ["absent, cooling"],
    fresh: warmOrHit,
    "fresh, leased": warmOrHit,
    "fresh, cooling": warmOrHit,
    stale: warmOrHit,
    "stale, leased": warmOrHit,
    "stale, cooling": ["stale, cooling"]
  },
  "fill → true": {
    ...unleased,
    "absent, leased": ["fresh", "stale"],
    "fresh, leased": ["fresh", "stale", "absent"],
    "stale, leased": ["fresh", "stale", "absent"]
  },
  "fill → false": unchanged,
  "abandon → true": {
    ...unleased,
    "absent, leased": ["absent", "absent, cooling"],
    "fresh, leased": ["fresh", "fresh, cooling"],
    "stale, leased": ["stale", "stale, cooling"]
  },
  "abandon → false": unchanged,
  "renew → true": {
    ...unleased,
    "absent, leased": ["absent, leased"],
    "fresh, leased": ["fresh, leased"],
    "stale, leased": ["stale, leased"]
  },
  "renew → false": unchanged,
  "remove → true": {
    absent: noValue,
    "absent, leased": noValue,
    "absent, cooling": noValue,
    fresh: ["absent"],
    "fresh, leased": ["absent"],
    "fresh, cooling": ["absent"],
    stale: ["absent"],
    "stale, leased": ["absent"],
    "stale, cooling": ["absent"]
  },
  "remove → false": {
    absent: ["absent"],
    "absent, leased": ["absent"],
    "absent, cooling": ["absent"],
    fresh: someValue,
    "fresh, leased": someValue,
    "fresh, cooling": someValue,
    stale: someValue,
    "stale, leased": someValue,
    "stale, cooling": someValue
  },
  "put → done": {
    absent: ["fresh"],
    "absent, leased": ["fresh"],
    "absent, cooling": ["fresh"],
    fresh: ["fresh"],
    "fresh, leased": ["fresh"],
    "fresh, cooling": ["fresh"],
    stale: ["fresh"],
    "stale, leased": ["fresh"],
    "stale, cooling": ["fresh"]
  },
  "touch → true": {
    absent: notFresh,
    "absent, leased": notFresh,
    "absent, cooling": notFresh,
    fresh: ["fresh"],
    "fresh, leased": ["fresh, leased"],
    "fresh, cooling": ["fresh, cooling"],
    stale: notFresh,
    "stale, leased": notFresh,
    "stale, cooling": notFresh
  },
  "touch → false": {
    absent: ["absent"],
    "absent, leased": ["absent, leased"],
    "absent, cooling": ["absent, cooling"],
    fresh,
    "fresh, leased": fresh,
    "fresh, cooling": fresh,
    stale: ["stale"],
    "stale, leased": ["stale, leased"],
    "stale, cooling": ["stale, cooling"]
  },
  "time passes": {
    absent: timeless,
    "absent, leased": ["absent"],
    "absent, cooling": ["absent"],
    fresh: ["stale", "absent"],
    "fresh, leased": ["fresh", "stale, leased", "stale", "absent, leased", "absent"],
    "fresh, cooling": ["fresh", "stale, cooling", "stale", "absent, cooling", "absent"],
    stale: ["absent"],
    "stale, leased": ["stale", "absent, leased", "absent"],
    "stale, cooling": ["stale", "absent, cooling", "absent"]
  }
}

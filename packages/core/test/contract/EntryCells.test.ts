import { describe, expect, it } from "vitest"
import { type Acquired, type AcquireOptions, type Lifetime, Token, type Value } from "../../src/contract/Adapter.ts"
import * as Entry from "../../src/contract/Entry.ts"

/**
 * Each cell of states × verbs, total by type: a state or a verb that is new has no cell, and this file no longer compiles.
 * `packages/simulation` says which cells a load meets, and the specification shows them.
 */

type Moves = typeof Entry

type AnswerOf<F> = F extends (...args: never) => Entry.Move<infer A> ? A : never

type Verb = { [V in keyof Moves]: [AnswerOf<Moves[V]>] extends [never] ? never : V }[keyof Moves]

type Named<A> = A extends { readonly _tag: infer Tag extends string } ? Tag : A extends boolean ? `${A}` : "done"

const holds = { lease: "leased", cooldown: "cooling" } as const satisfies Record<
  Exclude<keyof Entry.Entry, "kept">,
  string
>

type ValueState = "absent" | "fresh" | "stale"

type State = ValueState | `${ValueState}, ${(typeof holds)[keyof typeof holds]}`

const now = 1_000
const value: Value = { bytes: Uint8Array.of(1) }
const other: Value = { bytes: Uint8Array.of(2) }
const lifetime: Lifetime = { fresh: 400, stale: 200 }

const lease: Entry.Lease = { owner: "owner", token: Token("living"), since: 900, until: 1_050 }
const cooldown: Entry.Cooldown = { until: 1_050, cause: undefined }
const kept = (filledAt: number): Entry.Kept => ({ value, filledAt, took: 0, lifetime })
const [fresh, stale] = [kept(900), kept(500)]

const entries: { readonly [S in State]: Entry.Entry | undefined } = {
  absent: undefined,
  "absent, leased": { kept: undefined, lease, cooldown: undefined },
  "absent, cooling": { kept: undefined, lease: undefined, cooldown },
  fresh: { kept: fresh, lease: undefined, cooldown: undefined },
  "fresh, leased": { kept: fresh, lease, cooldown: undefined },
  "fresh, cooling": { kept: fresh, lease: undefined, cooldown },
  stale: { kept: stale, lease: undefined, cooldown: undefined },
  "stale, leased": { kept: stale, lease, cooldown: undefined },
  "stale, cooling": { kept: stale, lease: undefined, cooldown }
}

const states = Object.keys(entries) as ReadonlyArray<State>

const stateOf = (entry: Entry.Entry | undefined, at: number): State => {
  const read = Entry.read(entry, at)
  const state: ValueState = read.value === undefined ? "absent" : read.freshFor > 0 ? "fresh" : "stale"
  return read.lease ? `${state}, leased` : read.cooling ? `${state}, cooling` : state
}

/** The answer, and the state after it; the state alone when that is the same. */
type Cell<V extends Verb> =
  | `${Named<AnswerOf<Moves[V]>>}`
  | { [S in State]: `${Named<AnswerOf<Moves[V]>>} → ${S}` }[State]

type Ask<V extends Verb> = readonly [
  ask: (entry: Entry.Entry | undefined) => ReturnType<Moves[V]>,
  absent: readonly [alone: Cell<V>, leased: Cell<V>, cooling: Cell<V>],
  fresh: readonly [alone: Cell<V>, leased: Cell<V>, cooling: Cell<V>],
  stale: readonly [alone: Cell<V>, leased: Cell<V>, cooling: Cell<V>]
]

const acquire =
  (options: Partial<AcquireOptions> = {}) =>
  (entry: Entry.Entry | undefined) =>
    Entry.acquire(entry, now, { owner: "another", leaseFor: 100, ...options }, () => Token("granted"))

const fill = (token: string, given: Value | undefined, lifetime: Lifetime) => (entry: Entry.Entry | undefined) =>
  Entry.fill(entry, now, { token: Token(token), value: given, lifetime })

const asks: { readonly [V in Verb]: { readonly [how: string]: Ask<V> } } = {
  acquire: {
    "by another": [
      acquire(),
      ["Leader → absent, leased", "Follower", "Cooling"],
      ["Hit", "Hit", "Hit"],
      ["Leader → stale, leased", "Follower", "Cooling"]
    ],
    "by the owner": [
      acquire({ owner: "owner" }),
      ["Leader → absent, leased", "Leader", "Cooling"],
      ["Hit", "Hit", "Hit"],
      ["Leader → stale, leased", "Leader", "Cooling"]
    ],
    "early, by another": [
      acquire({ refreshWithin: Infinity }),
      ["Leader → absent, leased", "Follower", "Cooling"],
      ["Leader → fresh, leased", "Hit", "Hit"],
      ["Leader → stale, leased", "Follower", "Cooling"]
    ],
    "early, by the owner": [
      acquire({ owner: "owner", refreshWithin: Infinity }),
      ["Leader → absent, leased", "Leader", "Cooling"],
      ["Leader → fresh, leased", "Leader", "Hit"],
      ["Leader → stale, leased", "Leader", "Cooling"]
    ],
    forced: [
      acquire({ force: true }),
      ["Leader → absent, leased", "Leader", "Leader → absent, leased"],
      ["Leader → fresh, leased", "Leader", "Leader → fresh, leased"],
      ["Leader → stale, leased", "Leader", "Leader → stale, leased"]
    ]
  },
  fill: {
    "with the token": [
      fill("living", other, lifetime),
      ["false", "true → fresh", "false"],
      ["false", "true → fresh", "false"],
      ["false", "true → fresh", "false"]
    ],
    "with a mark": [
      fill("living", other, { fresh: 0, stale: 100 }),
      ["false", "true → stale", "false"],
      ["false", "true → stale", "false"],
      ["false", "true → stale", "false"]
    ],
    "for no time": [
      fill("living", other, { fresh: 0, stale: 0 }),
      ["false", "true → absent", "false"],
      ["false", "true → absent", "false"],
      ["false", "true → absent", "false"]
    ],
    "without a value": [
      fill("living", undefined, lifetime),
      ["false", "false", "false"],
      ["false", "true → fresh", "false"],
      ["false", "true → fresh", "false"]
    ],
    "with a lost token": [
      fill("lost", other, lifetime),
      ["false", "false", "false"],
      ["false", "false", "false"],
      ["false", "false", "false"]
    ]
  },
  abandon: {
    "with the token": [
      (entry) => Entry.abandon(entry, now, { token: Token("living") }),
      ["false", "true → absent", "false"],
      ["false", "true → fresh", "false"],
      ["false", "true → stale", "false"]
    ],
    "after a failure": [
      (entry) => Entry.abandon(entry, now, { token: Token("living"), cooldown: 50 }),
      ["false", "true → absent, cooling", "false"],
      ["false", "true → fresh, cooling", "false"],
      ["false", "true → stale, cooling", "false"]
    ],
    "with a lost token": [
      (entry) => Entry.abandon(entry, now, { token: Token("lost"), cooldown: 50 }),
      ["false", "false", "false"],
      ["false", "false", "false"],
      ["false", "false", "false"]
    ]
  },
  renew: {
    "with the token": [
      (entry) => Entry.renew(entry, now, { token: Token("living"), leaseFor: 100 }),
      ["false", "true", "false"],
      ["false", "true", "false"],
      ["false", "true", "false"]
    ],
    "with a lost token": [
      (entry) => Entry.renew(entry, now, { token: Token("lost"), leaseFor: 100 }),
      ["false", "false", "false"],
      ["false", "false", "false"],
      ["false", "false", "false"]
    ]
  },
  remove: {
    "by anybody": [
      (entry) => Entry.remove(entry, now),
      ["false", "false → absent", "false → absent"],
      ["true → absent", "true → absent", "true → absent"],
      ["true → absent", "true → absent", "true → absent"]
    ]
  },
  put: {
    "by anybody": [
      () => Entry.put(now, { value: other, lifetime }),
      ["done → fresh", "done → fresh", "done → fresh"],
      ["done", "done → fresh", "done → fresh"],
      ["done → fresh", "done → fresh", "done → fresh"]
    ],
    "stale from the beginning": [
      () => Entry.put(now, { value: other, lifetime: { fresh: 0, stale: 100 } }),
      ["done → stale", "done → stale", "done → stale"],
      ["done → stale", "done → stale", "done → stale"],
      ["done", "done → stale", "done → stale"]
    ],
    "for no time": [
      () => Entry.put(now, { value: other, lifetime: { fresh: 0, stale: 0 } }),
      ["done", "done → absent", "done → absent"],
      ["done → absent", "done → absent", "done → absent"],
      ["done → absent", "done → absent", "done → absent"]
    ]
  },
  touch: {
    "for some time": [
      (entry) => Entry.touch(entry, now, { freshFor: 100 }),
      ["false", "false", "false"],
      ["true", "true", "true"],
      ["false", "false", "false"]
    ],
    "for no time": [
      (entry) => Entry.touch(entry, now, { freshFor: 0 }),
      ["false", "false", "false"],
      ["true → stale", "true → stale, leased", "true → stale, cooling"],
      ["false", "false", "false"]
    ]
  }
}

const nameOf = (answer: Acquired | boolean | void): string =>
  typeof answer === "object" ? answer._tag : answer === undefined ? "done" : String(answer)

type AnyAsk = Ask<"acquire" | "fill" | "abandon" | "renew" | "remove" | "put" | "touch">

const cells = Object.entries(asks).flatMap(([verb, hows]) =>
  Object.entries<AnyAsk>(hows).flatMap(([how, [ask, ...rows]]) =>
    rows.flat().map((cell, at) => {
      const state = states[at]!
      const [answer, next = state] = cell.split(" → ")
      return { verb, how, ask, state, answer, next }
    })
  )
)

describe("each cell of states × verbs", () => {
  it.each(cells)("$state: $verb $how → $answer, then $next", ({ answer, ask, next, state }) => {
    const entry = entries[state]
    const [answered, after] = ask(entry)
    expect([nameOf(answered), stateOf(after, now)]).toEqual([answer, next])
    // A refusal changes nothing at all.
    if (answer === "false" && next === state) expect(after).toBe(entry)
  })
})

describe("each state, as time passes", () => {
  /** The states at instants: before any part ends, after the lease or the cooldown, after the freshness, and at the end. */
  const over: { readonly [S in State]: readonly [State, State, State, State] } = {
    absent: ["absent", "absent", "absent", "absent"],
    "absent, leased": ["absent, leased", "absent", "absent", "absent"],
    "absent, cooling": ["absent, cooling", "absent", "absent", "absent"],
    fresh: ["fresh", "fresh", "stale", "absent"],
    "fresh, leased": ["fresh, leased", "fresh", "stale", "absent"],
    "fresh, cooling": ["fresh, cooling", "fresh", "stale", "absent"],
    stale: ["stale", "stale", "absent", "absent"],
    "stale, leased": ["stale, leased", "stale", "absent", "absent"],
    "stale, cooling": ["stale, cooling", "stale", "absent", "absent"]
  }

  it.each(states)("%s", (state) => {
    const entry = entries[state]
    expect([1_049, 1_050, 1_300, 1_500].map((at) => stateOf(entry, at))).toEqual(over[state])
  })

  it("a lease or a cooldown that outlives the value goes on without it", () => {
    for (const [part, held] of [
      ["leased", { lease: { ...lease, until: 2_000 } }],
      ["cooling", { cooldown: { ...cooldown, until: 2_000 } }]
    ] as const) {
      const entry = { kept: fresh, lease: undefined, cooldown: undefined, ...held }
      expect([1_299, 1_300, 1_500, 2_000].map((at) => stateOf(entry, at))).toEqual([
        `fresh, ${part}`,
        `stale, ${part}`,
        `absent, ${part}`,
        "absent"
      ])
    }
  })
})

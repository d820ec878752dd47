import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Acquired, type AcquireOptions, type Lifetime, Token, type Value } from "../../src/contract/Adapter.ts"
import * as Entry from "../../src/contract/Entry.ts"

const value = (text: string): Value => ({ bytes: new TextEncoder().encode(text) })
const v = value("v")
const w = value("w")
const hour = 3_600_000

/** One key's entry over time, so that examples read as stories. */
const story = () => {
  let entry: Entry.Entry | undefined
  let grants = 0
  const take = <A>([answer, next]: Entry.Move<A>): A => {
    entry = next
    return answer
  }
  return {
    entry: () => entry,
    acquire: (now: number, owner: string, options: Partial<AcquireOptions> = {}): Acquired =>
      take(Entry.acquire(entry, now, { owner, leaseFor: 100, ...options }, () => Token(`t${++grants}`))),
    fill: (now: number, token: string, given: Value = v, lifetime: Lifetime = { fresh: 1000, stale: 500 }) =>
      take(Entry.fill(entry, now, { token: Token(token), value: given, lifetime })),
    refill: (now: number, token: string, lifetime: Lifetime = { fresh: 1000, stale: 500 }) =>
      take(Entry.fill(entry, now, { token: Token(token), lifetime })),
    touch: (now: number, freshFor: number) => take(Entry.touch(entry, now, { freshFor })),
    abandon: (now: number, token: string, options: { cooldown?: number; cause?: Value } = {}) =>
      take(Entry.abandon(entry, now, { token: Token(token), ...options })),
    renew: (now: number, token: string, leaseFor = 100) =>
      take(Entry.renew(entry, now, { token: Token(token), leaseFor })),
    remove: (now: number) => take(Entry.remove(entry, now)),
    put: (now: number, given: Value = v, lifetime: Lifetime = { fresh: 1000, stale: 500 }) =>
      take(Entry.put(now, { value: given, lifetime })),
    read: (now: number) => Entry.read(entry, now)
  }
}

describe("acquire", () => {
  it("leads on nothing, and makes others follow until the lease ends", () => {
    const key = story()
    expect(key.acquire(0, "a")).toEqual({ _tag: "Leader", token: "t1", stale: undefined })
    expect(key.acquire(40, "b")).toEqual({ _tag: "Follower", leaseEndsIn: 60, stale: undefined })
    expect(key.acquire(100, "b")).toEqual({ _tag: "Leader", token: "t2", stale: undefined })
  })

  it("answers the same owner with the same token, and starts its time again", () => {
    const key = story()
    key.acquire(0, "a")
    expect(key.acquire(50, "a")).toMatchObject({ _tag: "Leader", token: "t1" })
    expect(key.acquire(149, "b")).toMatchObject({ _tag: "Follower", leaseEndsIn: 1 })
  })

  it("gives an owner whose lease ended a new token", () => {
    const key = story()
    key.acquire(0, "a")
    expect(key.acquire(100, "a")).toMatchObject({ _tag: "Leader", token: "t2" })
    expect(key.fill(101, "t1")).toBe(false)
  })

  it("hits a fresh value, then leads with the stale one, then leads with nothing", () => {
    const key = story()
    key.put(0)
    expect(key.acquire(999, "a")).toEqual({ _tag: "Hit", value: v, freshFor: 1, age: 999, took: 0 })
    expect(key.acquire(1000, "a")).toMatchObject({ _tag: "Leader", stale: { value: v, age: 1000, staleFor: 0 } })
    expect(key.acquire(1050, "b")).toMatchObject({ _tag: "Follower", stale: { value: v, age: 1050, staleFor: 50 } })
    expect(key.acquire(1500, "b")).toEqual({ _tag: "Leader", token: "t2", stale: undefined })
  })

  it("grants an early refresh to one, and hits for everyone else", () => {
    const key = story()
    key.put(0)
    expect(key.acquire(899, "a", { refreshWithin: 100 })._tag).toBe("Hit")
    expect(key.acquire(900, "a", { refreshWithin: 100 })).toEqual({
      _tag: "Leader",
      token: "t1",
      stale: { value: v, age: 900, took: 0, staleFor: 0 }
    })
    expect(key.acquire(900, "b", { refreshWithin: 100 })._tag).toBe("Hit")
    expect(key.acquire(901, "a", { refreshWithin: 100 })).toMatchObject({ _tag: "Leader", token: "t1" })
  })

  it("forced, leads over a fresh value, over another's lease and over a cooldown", () => {
    const key = story()
    key.put(0)
    expect(key.acquire(1, "a", { force: true })).toMatchObject({ _tag: "Leader", token: "t1", stale: { value: v } })
    expect(key.acquire(2, "b")._tag).toBe("Hit")
    expect(key.acquire(3, "b", { force: true })).toMatchObject({ _tag: "Leader", token: "t2" })
    expect(key.fill(4, "t1")).toBe(false)
    expect(key.abandon(5, "t2", { cooldown: 50 })).toBe(true)
    expect(key.acquire(6, "c", { force: true })).toMatchObject({ _tag: "Leader", token: "t3" })
    expect(key.read(7).cooling).toBeUndefined()
  })

  it("forced again by the same owner, still leads with the same token", () => {
    const key = story()
    key.acquire(0, "a", { force: true })
    expect(key.acquire(1, "a", { force: true })).toMatchObject({ _tag: "Leader", token: "t1" })
  })

  it("refreshes a value that never expires when asked for any freshness", () => {
    const key = story()
    key.put(0, v, { fresh: Infinity, stale: 0 })
    expect(key.acquire(hour, "a")).toEqual({ _tag: "Hit", value: v, freshFor: Infinity, age: hour, took: 0 })
    expect(key.acquire(hour, "a", { refreshWithin: Infinity })).toMatchObject({
      _tag: "Leader",
      stale: { staleFor: 0 }
    })
  })

  it("calls nothing younger than new when the clock was set back", () => {
    const key = story()
    key.put(hour)
    expect(key.acquire(0, "a")).toMatchObject({ _tag: "Hit", age: 0 })
    expect(key.read(0)).toMatchObject({ age: 0, value: v })
  })
})

describe("fill", () => {
  it("ends the lease and answers false to its copy", () => {
    const key = story()
    key.acquire(0, "a")
    expect(key.fill(1, "t1", v)).toBe(true)
    expect(key.fill(2, "t1", w)).toBe(false)
    expect(key.acquire(3, "b")).toMatchObject({ _tag: "Hit", value: v })
    expect(key.read(3).lease).toBeUndefined()
  })

  it("is refused once the lease ended, even if nobody took it", () => {
    const key = story()
    key.acquire(0, "a")
    expect(key.fill(100, "t1")).toBe(false)
    expect(key.renew(100, "t1")).toBe(false)
    expect(key.abandon(100, "t1")).toBe(false)
  })

  it("is refused after a delete and after a put, though its owner leads again", () => {
    const deleted = story()
    deleted.acquire(0, "a")
    deleted.remove(1)
    expect(deleted.acquire(2, "a")).toMatchObject({ _tag: "Leader", token: "t2" })
    expect(deleted.fill(3, "t1")).toBe(false)

    const put = story()
    put.acquire(0, "a")
    put.put(1, w)
    expect(put.fill(2, "t1", v)).toBe(false)
    expect(put.acquire(3, "b")).toMatchObject({ _tag: "Hit", value: w })
  })

  it("with no lifetime at all keeps nothing that anyone sees", () => {
    const key = story()
    key.acquire(0, "a")
    expect(key.fill(1, "t1", v, { fresh: 0, stale: 0 })).toBe(true)
    expect(key.read(1)).toMatchObject({ value: undefined, keptFor: 0 })
    expect(key.acquire(1, "b")).toMatchObject({ _tag: "Leader", stale: undefined })
  })
})

describe("fill without a value", () => {
  it("begins the lifetime of the value that is there anew, and ends the lease", () => {
    const key = story()
    key.put(0, v, { fresh: 100, stale: 1000 })
    key.acquire(200, "a")
    expect(key.refill(250, "t1", { fresh: 300, stale: 50 })).toBe(true)
    expect(key.acquire(260, "b")).toEqual({ _tag: "Hit", value: v, freshFor: 290, age: 10, took: 50 })
    expect(key.read(260)).toMatchObject({ keptFor: 340, lease: undefined })
    expect(key.refill(261, "t1")).toBe(false)
  })

  it("gives a fresh value another lifetime, also a shorter one", () => {
    const key = story()
    key.put(0)
    key.acquire(10, "a", { refreshWithin: Infinity })
    expect(key.refill(20, "t1", { fresh: 5, stale: 0 })).toBe(true)
    expect(key.acquire(24, "b")._tag).toBe("Hit")
    expect(key.acquire(25, "b")).toMatchObject({ _tag: "Leader", stale: undefined })
  })

  it("changes nothing where there is no value any more, and the lease goes on", () => {
    for (const prepare of [
      () => {},
      (key: ReturnType<typeof story>) => key.put(0, v, { fresh: 10, stale: 10 }),
      (key: ReturnType<typeof story>) => [key.put(0), key.remove(1)]
    ]) {
      const key = story()
      prepare(key)
      key.acquire(20, "a")
      const before = key.entry()
      expect(key.refill(30, "t1")).toBe(false)
      expect(key.entry()).toBe(before)
      expect(key.acquire(31, "b")).toMatchObject({ _tag: "Follower", stale: undefined })
      expect(key.fill(32, "t1", w)).toBe(true)
    }
  })

  it("is refused with a lost token, and prolongs nothing", () => {
    const key = story()
    key.put(0)
    key.acquire(0, "a", { refreshWithin: Infinity })
    const before = key.entry()
    expect(key.refill(100, "t1", { fresh: hour, stale: 0 })).toBe(false)
    expect(key.refill(50, "t0", { fresh: hour, stale: 0 })).toBe(false)
    expect(key.entry()).toBe(before)
    key.put(101, w)
    expect(key.refill(102, "t1", { fresh: hour, stale: 0 })).toBe(false)
    expect(key.read(102)).toMatchObject({ value: w, freshFor: 999 })
  })
})

describe("touch", () => {
  it("makes a fresh value stay fresh so long from now, longer or shorter, and changes nothing else", () => {
    const key = story()
    key.acquire(0, "a")
    key.fill(30, "t1")
    key.acquire(40, "b", { refreshWithin: Infinity })
    const { cooldown, kept, lease } = key.entry()!
    for (const freshFor of [5000, 10, Infinity, 100]) {
      expect(key.touch(50, freshFor)).toBe(true)
      expect(key.read(50)).toMatchObject({ value: v, freshFor, keptFor: freshFor + 500, age: 20, took: 30 })
      expect(key.entry()).toEqual({
        kept: { ...kept, lifetime: { fresh: 20 + freshFor, stale: 500 } },
        lease,
        cooldown
      })
    }
    expect(key.acquire(149, "c")).toMatchObject({ _tag: "Hit", freshFor: 1, age: 119, took: 30 })
    expect(key.fill(139, "t2", w)).toBe(true)
  })

  it("finds nothing where nothing is fresh", () => {
    const key = story()
    expect(key.touch(0, 100)).toBe(false)
    expect(key.entry()).toBeUndefined()
    key.put(0)
    for (const now of [1000, 1499, 1500, hour]) {
      const before = key.entry()
      expect(key.touch(now, 100)).toBe(false)
      expect(key.entry()).toBe(before)
    }
    key.acquire(1600, "a")
    key.abandon(1601, "t1", { cooldown: 50 })
    expect(key.touch(1602, 100)).toBe(false)
    expect(key.read(1602).cooling).toEqual({ retryIn: 49, cause: undefined })
  })

  it("for no time makes the value stale", () => {
    const key = story()
    key.put(0)
    expect(key.touch(10, 0)).toBe(true)
    expect(key.read(10)).toMatchObject({ freshFor: 0, keptFor: 500 })
    expect(key.touch(10, 100)).toBe(false)
    expect(key.acquire(12, "a")).toMatchObject({ _tag: "Leader", stale: { staleFor: 2, age: 12 } })
  })

  it("leaves the lifetime of other values that share it alone", () => {
    const shared = { fresh: 1000, stale: 500 }
    const [touched, other] = [story(), story()]
    touched.put(0, v, shared)
    other.put(0, v, shared)
    touched.touch(10, 10)
    expect(other.read(10)).toMatchObject({ freshFor: 990, keptFor: 1490 })
    expect(shared).toEqual({ fresh: 1000, stale: 500 })
  })

  it("counts from now also when the clock was set back", () => {
    const key = story()
    key.put(hour)
    expect(key.touch(0, 100)).toBe(true)
    expect(key.read(0)).toMatchObject({ freshFor: 100, keptFor: 600, age: 0 })
  })
})

describe("took", () => {
  it("is from the grant to the fill, whatever renewals, retries and refusals lie between", () => {
    const key = story()
    key.acquire(0, "a")
    key.renew(50, "t1")
    key.acquire(90, "a")
    key.acquire(95, "b")
    key.fill(120, "t1")
    expect(key.acquire(130, "c")).toMatchObject({ _tag: "Hit", took: 120 })
    expect(key.read(130).took).toBe(120)
    expect(key.acquire(1200, "c")).toMatchObject({ _tag: "Leader", stale: { took: 120 } })
    expect(key.acquire(1250, "d")).toMatchObject({ _tag: "Follower", stale: { took: 120 } })
    key.refill(1260, "t2")
    expect(key.read(1260).took).toBe(60)
  })

  it("is counted from the owner's own grant, also a forced one, and never below nothing", () => {
    const key = story()
    key.acquire(0, "a")
    key.acquire(70, "b", { force: true })
    key.fill(80, "t2")
    expect(key.read(80).took).toBe(10)
    key.acquire(90, "c", { force: true })
    key.fill(60, "t3")
    expect(key.read(80).took).toBe(0)
    key.acquire(100, "d", { force: true })
    key.put(150)
    expect(key.read(150).took).toBe(0)
  })
})

describe("abandon", () => {
  it("hands the key to the next caller and leaves the value", () => {
    const key = story()
    key.put(0)
    key.acquire(1000, "a")
    expect(key.abandon(1001, "t1")).toBe(true)
    expect(key.acquire(1002, "b")).toMatchObject({ _tag: "Leader", token: "t2", stale: { value: v } })
  })

  it("cools the key down, gives everyone the cause, and lets one lead when it is over", () => {
    const key = story()
    key.acquire(0, "a")
    expect(key.abandon(10, "t1", { cooldown: 50, cause: w })).toBe(true)
    for (const owner of ["a", "b"]) {
      expect(key.acquire(20, owner)).toEqual({ _tag: "Cooling", retryIn: 40, cause: w, stale: undefined })
    }
    expect(key.read(20).cooling).toEqual({ retryIn: 40, cause: w })
    expect(key.acquire(60, "b")).toMatchObject({ _tag: "Leader", token: "t2" })
  })

  it("that fails an early refresh leaves the hits alone, and nobody refreshes while it cools", () => {
    const key = story()
    key.put(0)
    key.acquire(900, "a", { refreshWithin: 100 })
    key.abandon(901, "t1", { cooldown: 50 })
    expect(key.acquire(902, "b", { refreshWithin: 100 })._tag).toBe("Hit")
    expect(key.acquire(951, "b", { refreshWithin: 100 })._tag).toBe("Leader")
  })

  it("leaves nothing where there was nothing", () => {
    const key = story()
    key.acquire(0, "a")
    key.abandon(1, "t1")
    expect(key.entry()).toBeUndefined()
  })
})

describe("renew", () => {
  it("starts the lease's time again, also when that is shorter", () => {
    const key = story()
    key.acquire(0, "a")
    expect(key.renew(90, "t1", 100)).toBe(true)
    expect(key.acquire(189, "b")).toMatchObject({ _tag: "Follower", leaseEndsIn: 1 })
    expect(key.renew(189, "t1", 10)).toBe(true)
    expect(key.acquire(199, "b")._tag).toBe("Leader")
  })
})

describe("remove and put", () => {
  it("answer whether there was a value, and end a cooldown", () => {
    const key = story()
    expect(key.remove(0)).toBe(false)
    key.put(0)
    expect(key.remove(1499)).toBe(true)
    key.put(0)
    expect(key.remove(1500)).toBe(false)
    key.acquire(0, "a")
    key.abandon(1, "t1", { cooldown: 50 })
    expect(key.remove(2)).toBe(false)
    expect(key.acquire(3, "b")._tag).toBe("Leader")
    key.abandon(4, "t2", { cooldown: 50 })
    key.put(5)
    expect(key.read(6).cooling).toBeUndefined()
  })
})

describe("read", () => {
  it("reports everything and takes nothing", () => {
    const key = story()
    key.put(0)
    key.acquire(1200, "a")
    expect(key.read(1250)).toEqual({
      value: v,
      freshFor: 0,
      keptFor: 250,
      age: 1250,
      took: 0,
      lease: { owner: "a", endsIn: 50 },
      cooling: undefined
    })
    expect(key.read(hour)).toEqual({
      value: undefined,
      freshFor: 0,
      keptFor: 0,
      age: 0,
      took: 0,
      lease: undefined,
      cooling: undefined
    })
  })
})

describe("endsAt", () => {
  it("is the last instant of value, lease and cooldown", () => {
    const key = story()
    key.acquire(0, "a")
    expect(Entry.endsAt(key.entry()!)).toBe(100)
    key.fill(1, "t1")
    expect(Entry.endsAt(key.entry()!)).toBe(1501)
    key.acquire(1450, "b")
    expect(Entry.endsAt(key.entry()!)).toBe(1550)
    key.abandon(1460, "t2", { cooldown: 1000 })
    expect(Entry.endsAt(key.entry()!)).toBe(2460)
  })
})

// ---------------------------------------------------------------------------
// Random stories. Each event moves the clock, also backwards, and then one thing happens. A ledger
// of grants, voids and stores judges the entry's answers.
// ---------------------------------------------------------------------------

type Event = { readonly dt: number } & (
  | {
      readonly do: "acquire"
      readonly owner: string
      readonly leaseFor: number
      readonly refreshWithin: number | undefined
      readonly force: boolean
    }
  /** `anew`: without a value. */
  | { readonly do: "fill"; readonly token: number; readonly lifetime: Lifetime; readonly anew: boolean }
  | { readonly do: "touch"; readonly freshFor: number }
  | { readonly do: "abandon"; readonly token: number; readonly cooldown: number }
  | { readonly do: "renew"; readonly token: number; readonly leaseFor: number }
  | { readonly do: "put"; readonly lifetime: Lifetime }
  | { readonly do: "delete" }
  | { readonly do: "read" }
)

const time = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 30 }) },
  { weight: 2, arbitrary: fc.integer({ min: 31, max: 200 }) },
  { weight: 1, arbitrary: fc.integer({ min: -60, max: -1 }) }
)
const span = fc.integer({ min: 1, max: 60 })
const lifetime = fc.record({
  fresh: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constant(Infinity)),
  stale: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }), fc.constant(Infinity))
})
const token = fc.nat(5)

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      dt: time,
      do: fc.constant("acquire" as const),
      owner: fc.constantFrom("a", "b", "c"),
      leaseFor: span,
      refreshWithin: fc.option(fc.oneof(span, fc.constant(Infinity)), { nil: undefined }),
      force: fc.integer({ min: 0, max: 9 }).map((n) => n === 0)
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      dt: time,
      do: fc.constant("fill" as const),
      token,
      lifetime,
      anew: fc.integer({ min: 0, max: 2 }).map((n) => n === 0)
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      dt: time,
      do: fc.constant("touch" as const),
      freshFor: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constant(Infinity))
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      dt: time,
      do: fc.constant("abandon" as const),
      token,
      cooldown: fc.oneof(fc.constant(0), span)
    })
  },
  { weight: 2, arbitrary: fc.record({ dt: time, do: fc.constant("renew" as const), token, leaseFor: span }) },
  { weight: 1, arbitrary: fc.record({ dt: time, do: fc.constant("put" as const), lifetime }) },
  { weight: 1, arbitrary: fc.record({ dt: time, do: fc.constant("delete" as const) }) },
  { weight: 1, arbitrary: fc.record({ dt: time, do: fc.constant("read" as const) }) }
)

interface Step {
  readonly event: Event
  readonly now: number
  readonly before: Entry.Entry | undefined
  readonly after: Entry.Entry | undefined
  readonly answer: Acquired | boolean | void | ReturnType<typeof Entry.read>
  /** The token that the event used, if any. */
  readonly used: Token | undefined
  readonly ledger: Ledger
}

/** The events so far, recorded without asking the entry. */
interface Ledger {
  readonly granted: ReadonlyArray<Token>
  /** Tokens that can never fill again: consumed, voided or superseded. */
  readonly dead: ReadonlySet<Token>
  /** The instant of the latest grant. */
  readonly since: number
  /** The end of the latest grant, by its grant and renewals. */
  readonly until: number
  readonly stored: ReadonlyMap<Value, { readonly at: number; readonly lifetime: Lifetime }>
}

/** Plays the events, and hands every step to `judge` with the ledger as it was before the step. */
const play = (events: ReadonlyArray<Event>, judge: (step: Step) => void): void => {
  const granted: Array<Token> = []
  const dead = new Set<Token>()
  const stored = new Map<Value, { at: number; lifetime: Lifetime }>()
  let entry: Entry.Entry | undefined
  let since = 0
  let until = 0
  let now = 1000
  for (const [index, event] of events.entries()) {
    now += event.dt
    const before = entry
    // 0 is the latest grant: old tokens are tried, but not most of the time.
    const used = "token" in event ? (granted.at(-1 - event.token) ?? Token("never granted")) : undefined
    const given = value(`v${index}`)
    const [answer, after]: Entry.Move<Step["answer"]> =
      event.do === "acquire"
        ? Entry.acquire(entry, now, event, () => Token(`t${index}`))
        : event.do === "fill"
          ? Entry.fill(entry, now, { token: used!, value: event.anew ? undefined : given, lifetime: event.lifetime })
          : event.do === "abandon"
            ? Entry.abandon(entry, now, { token: used!, cooldown: event.cooldown, cause: given })
            : event.do === "renew"
              ? Entry.renew(entry, now, { token: used!, leaseFor: event.leaseFor })
              : event.do === "put"
                ? Entry.put(now, { value: given, lifetime: event.lifetime })
                : event.do === "touch"
                  ? Entry.touch(entry, now, event)
                  : event.do === "delete"
                    ? Entry.remove(entry, now)
                    : [Entry.read(entry, now), entry]
    judge({ event, now, before, after, answer, used, ledger: { granted, dead, since, until, stored } })
    if (event.do === "acquire") {
      const found = answer as Acquired
      if (found._tag === "Leader" && found.token !== granted.at(-1)) {
        for (const old of granted) dead.add(old)
        granted.push(found.token)
        since = now
      }
      if (found._tag === "Leader") until = now + event.leaseFor
    }
    if (event.do === "renew" && answer === true) until = now + event.leaseFor
    if ((event.do === "fill" || event.do === "abandon") && answer === true) dead.add(used!)
    if (event.do === "put" || event.do === "delete") for (const old of granted) dead.add(old)
    if (event.do === "put" || (event.do === "fill" && answer === true)) {
      const kept = event.do === "fill" && event.anew ? [...stored.keys()][0]! : given
      stored.clear()
      stored.set(kept, { at: now, lifetime: event.lifetime })
    }
    if (event.do === "touch" && answer === true) {
      for (const [kept, { at, lifetime }] of stored) {
        stored.set(kept, { at, lifetime: { fresh: now - at + event.freshFor, stale: lifetime.stale } })
      }
    }
    if (event.do === "delete") stored.clear()
    entry = after
  }
}

const endsAtOnce = ({ lifetime }: { readonly lifetime: Lifetime }): boolean => lifetime.fresh + lifetime.stale === 0

const always = (judge: (step: Step) => void): void => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => play(events, judge)),
    { numRuns: 500 }
  )
}

const canFill = (entry: Entry.Entry | undefined, now: number, token: Token): boolean =>
  Entry.fill(entry, now, { token, value: v, lifetime: { fresh: 1, stale: 0 } })[0]

/** True when the stored value is there, by the ledger. */
const isKept = ({ stored }: Ledger, now: number): boolean =>
  [...stored.values()].some(({ at, lifetime }) => now < at + lifetime.fresh + lifetime.stale)

const probe: AcquireOptions = { owner: "probe", leaseFor: 10 }

describe("in every story", () => {
  it("at most one token can fill, and it is the latest granted", () => {
    always(({ after, now, answer, ledger }) => {
      const found = typeof answer === "object" && "_tag" in answer ? answer : undefined
      const tokens = found?._tag === "Leader" ? [...ledger.granted, found.token] : ledger.granted
      const able = [...new Set(tokens)].filter((token) => canFill(after, now, token))
      expect(able.length).toBeLessThanOrEqual(1)
      if (able.length === 1) expect(able[0]).toBe(tokens.at(-1))
    })
  })

  it("a token that was used up, voided or superseded never fills, abandons or renews again", () => {
    always(({ event, answer, used, ledger, after, now }) => {
      if (used !== undefined && (ledger.dead.has(used) || !ledger.granted.includes(used))) expect(answer).toBe(false)
      for (const token of ledger.dead) expect(canFill(after, now, token)).toBe(false)
      if (event.do === "delete" || event.do === "put") {
        for (const token of ledger.granted) {
          for (const at of [now - 1000, now, now + 1000]) expect(canFill(after, at, token)).toBe(false)
        }
      }
    })
  })

  it("a lease is held exactly while its time lasts and nothing has ended it, even if nobody took it", () => {
    always(({ event, now, answer, used, ledger }) => {
      if (used === undefined) return
      const held = used === ledger.granted.at(-1) && !ledger.dead.has(used) && now < ledger.until
      const lacking = event.do === "fill" && event.anew && !isKept(ledger, now)
      expect(answer).toBe(held && !lacking)
    })
  })

  it("a new grant has a token that was never granted before", () => {
    always(({ before, now, event, answer, ledger }) => {
      if (event.do !== "acquire" || (answer as Acquired)._tag !== "Leader") return
      const token = (answer as Acquired & { _tag: "Leader" }).token
      const mine = before?.lease !== undefined && now < before.lease.until && before.lease.owner === event.owner
      if (mine) expect(token).toBe(ledger.granted.at(-1))
      else expect(ledger.granted).not.toContain(token)
    })
  })

  it("nobody leads beside a live lease or in a cooldown, unless forced", () => {
    always(({ before, now, event, answer }) => {
      if (event.do !== "acquire" || event.force || (answer as Acquired)._tag !== "Leader") return
      const { lease, cooling } = Entry.read(before, now)
      expect(lease === undefined || lease.owner === event.owner).toBe(true)
      expect(cooling).toBeUndefined()
    })
  })

  it("after every lease and cooldown has ended, exactly one of all callers leads", () => {
    always(({ after }) => {
      const later = Math.max(0, after?.lease?.until ?? 0, after?.cooldown?.until ?? 0)
      let entry = after
      const found = ["x", "y", "z"].map((owner) => {
        const [answer, next] = Entry.acquire(entry, later, { ...probe, owner, refreshWithin: Infinity }, () =>
          Token(`probe ${owner}`)
        )
        entry = next
        return answer._tag
      })
      expect(found.filter((tag) => tag === "Leader")).toEqual(["Leader"])
      expect(found[0]).toBe("Leader")
    })
  })

  it("no value older than its windows is answered, and none that was overwritten or deleted", () => {
    const judge = (given: Value | undefined, fresh: boolean, { ledger, now }: Step) => {
      if (given === undefined) return
      const kept = ledger.stored.get(given)
      expect(kept, "a value that was overwritten or deleted").toBeDefined()
      const end = kept!.at + kept!.lifetime.fresh + (fresh ? 0 : kept!.lifetime.stale)
      expect(now).toBeLessThan(end)
    }
    always((step) => {
      if (step.event.do === "acquire") {
        const found = step.answer as Acquired
        if (found._tag === "Hit") judge(found.value, true, step)
        else judge(found.stale?.value, false, step)
      } else if (step.event.do === "read") {
        const snapshot = step.answer as ReturnType<typeof Entry.read>
        judge(snapshot.value, snapshot.freshFor > 0, step)
      }
    })
  })

  it("a value inside its windows is answered: fresh as a hit, stale beside the rest", () => {
    always(({ after, now, event, answer }) => {
      const stored = event.do === "put" || (event.do === "fill" && answer === true)
      if (!stored) return
      const { fresh, stale } = event.lifetime
      const at = (later: number) => Entry.acquire(after, later, probe, () => Token("probe"))[0]
      if (fresh > 0) expect(at(now)._tag).toBe("Hit")
      if (fresh !== Infinity && stale > 0) expect(at(now + fresh)).toMatchObject({ stale: { staleFor: 0 } })
      if (fresh + stale !== Infinity) expect(at(now + fresh + stale)).toMatchObject({ stale: undefined })
    })
  })

  it("a touch changes nothing but the freshness of a fresh value, and a fill without a value no bytes", () => {
    always(({ before, after, now, event, answer }) => {
      const [then, next] = [Entry.read(before, now), Entry.read(after, now)]
      if (event.do === "touch") {
        expect(answer).toBe(then.freshFor > 0)
        const { freshFor } = answer === true ? event : then
        const gone = answer === true && freshFor + before!.kept!.lifetime.stale === 0
        expect(next).toMatchObject(gone ? { value: undefined, freshFor: 0 } : { value: then.value, freshFor })
        if (!gone) expect([next.age, next.took]).toEqual([then.age, then.took])
        expect([next.lease, next.cooling]).toEqual([then.lease, then.cooling])
        expect(after?.kept?.lifetime.stale).toBe(before?.kept?.lifetime.stale)
      }
      if (event.do === "fill" && event.anew && answer === true && !endsAtOnce(event)) {
        expect(after!.kept!.value).toBe(before!.kept!.value)
      }
    })
  })

  it("the duration of a load is the time since its grant, for as long as the value is there", () => {
    always(({ before, after, now, event, answer, ledger }) => {
      if ((event.do === "put" || (event.do === "fill" && answer === true)) && endsAtOnce(event)) {
        // Nothing is left, so that no clock that is behind finds it.
        expect(after).toBeUndefined()
      } else if (event.do === "put") expect(after!.kept!.took).toBe(0)
      else if (event.do === "fill" && answer === true) {
        expect(after!.kept!.took).toBe(Math.max(0, now - ledger.since))
      } else if (after?.kept !== undefined) expect(after.kept.took).toBe(before!.kept!.took)
    })
  })

  it("the same owner asking the same again gets the same answer and changes nothing more", () => {
    always(({ event, now, answer, after }) => {
      if (event.do !== "acquire") return
      const [again, next] = Entry.acquire(after, now, event, () => Token("a second grant"))
      expect(again).toEqual(answer)
      expect(next).toEqual(after)
    })
  })

  it("repeating any other verb changes nothing that can be seen", () => {
    always(({ event, now, used, after }) => {
      const again: Entry.Move<unknown> =
        event.do === "fill"
          ? Entry.fill(after, now, { token: used!, value: event.anew ? undefined : w, lifetime: event.lifetime })
          : event.do === "abandon"
            ? Entry.abandon(after, now, { token: used! })
            : event.do === "renew"
              ? Entry.renew(after, now, { token: used!, leaseFor: event.leaseFor })
              : event.do === "delete"
                ? Entry.remove(after, now)
                : event.do === "touch"
                  ? Entry.touch(after, now, event)
                  : [undefined, after]
      expect(Entry.read(again[1], now)).toEqual(Entry.read(after, now))
    })
  })

  it("a move that changes nothing returns the very entry that it was given", () => {
    always(({ event, answer, before, after }) => {
      const idle =
        event.do === "read" ||
        answer === false ||
        (event.do === "acquire" && (answer as Acquired)._tag !== "Leader" && before !== undefined)
      if (idle && event.do !== "delete") expect(after).toBe(before)
    })
  })

  it("a lease and a cooldown never hold at the same time, and the numbers agree", () => {
    always(({ after, now }) => {
      expect(after?.lease !== undefined && after.cooldown !== undefined).toBe(false)
      const snapshot = Entry.read(after, now)
      expect(snapshot.keptFor).toBeGreaterThanOrEqual(snapshot.freshFor)
      expect(snapshot.age).toBeGreaterThanOrEqual(0)
      expect(snapshot.value === undefined).toBe(snapshot.keptFor === 0)
      const [found] = Entry.acquire(after, now, probe, () => Token("probe"))
      const expected =
        snapshot.freshFor > 0 ? "Hit" : snapshot.lease ? "Follower" : snapshot.cooling ? "Cooling" : "Leader"
      expect(found._tag).toBe(expected)
      if (after !== undefined) {
        const end = Entry.endsAt(after)
        expect(Entry.read(after, end)).toMatchObject({ value: undefined, lease: undefined, cooling: undefined })
      }
    })
  })

  it("is not moved by a clock that jumps: only the entry and the time given count", () => {
    always(({ before, after, event, now, answer }) => {
      if (event.do !== "acquire") return
      const again = Entry.acquire(before, now, event, () => {
        const found = answer as Acquired
        return found._tag === "Leader" ? found.token : Token("unexpected")
      })
      expect(again).toEqual([answer, after])
    })
  })
})

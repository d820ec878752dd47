import { type Acquired, Token, type Value } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { Event, Reply, Request } from "../../src/histories/History.ts"
import { format } from "../../src/histories/History.ts"
import { explain } from "../../src/histories/Linearization.ts"
import { record } from "../../src/histories/Recorder.ts"
import { Time } from "../../src/world/Time.ts"
import { Backend } from "../fixtures/EntryAdapter.ts"

const value = (text: string): Value => ({ bytes: new TextEncoder().encode(text) })
const hour = 3_600_000

const event = (flight: string, sent: number, got: number, request: Request, reply: Reply): Event => ({
  flight,
  sent,
  got,
  request,
  reply
})

const acquire = (flight: string, sent: number, got: number, answer: Acquired | "lost", options = {}): Event =>
  event(
    flight,
    sent,
    got,
    { verb: "acquire", owner: flight, leaseFor: hour, refreshWithin: undefined, force: false, ...options },
    answer === "lost" ? { verb: "lost" } : { verb: "acquire", answer }
  )

const fill = (
  flight: string,
  sent: number,
  got: number,
  token: string,
  text: string | undefined,
  answer: boolean,
  fresh = hour
) =>
  event(
    flight,
    sent,
    got,
    { verb: "fill", token: Token(token), text, lifetime: { fresh, stale: 0 } },
    { verb: "held", answer }
  )

const touch = (flight: string, sent: number, got: number, freshFor: number, answer: boolean) =>
  event(flight, sent, got, { verb: "touch", freshFor }, { verb: "held", answer })

const remove = (flight: string, sent: number, got: number, answer: boolean) =>
  event(flight, sent, got, { verb: "delete" }, { verb: "held", answer })

const leader = (token: string): Acquired => ({ _tag: "Leader", token: Token(token) })
const follower = (leaseEndsIn: number): Acquired => ({ _tag: "Follower", leaseEndsIn })
/** Loads take ten milliseconds where a test says nothing of it. */
const hit = (text: string, age: number, fresh = hour, took = 10): Acquired => ({
  _tag: "Hit",
  value: value(text),
  age,
  freshFor: fresh - age,
  took
})

const stale = (age: number) => ({ value: value("v"), age, took: 10, staleFor: 0 })

const judge = (history: ReadonlyArray<Event>) => explain(history, { tolerance: 2 }).found

describe("explain", () => {
  it("takes a history that is in order", () => {
    expect(
      judge([
        acquire("a", 0, 1, leader("t1")),
        acquire("b", 10, 11, follower(hour - 10)),
        fill("a", 20, 21, "t1", "v", true),
        acquire("b", 30, 31, hit("v", 10, hour, 20))
      ])
    ).toBe("an order")
  })

  it("finds the order of overlapping requests", () => {
    expect(
      judge([
        acquire("b", 0, 50, follower(hour)),
        acquire("a", 0, 60, leader("t1")),
        remove("c", 100, 200, true),
        fill("a", 100, 200, "t1", "v", true)
      ])
    ).toBe("an order")
  })

  it("does not take two leaders", () => {
    expect(judge([acquire("a", 0, 1, leader("t1")), acquire("b", 10, 11, leader("t2"))])).toBe("none")
  })

  it("does not take an answer from the past, though it would do if the two had overlapped", () => {
    const late = (got: number) => [
      acquire("a", 0, 1, leader("t1")),
      fill("a", 10, got, "t1", "v", true),
      acquire("b", 21, 30, follower(hour - 21))
    ]
    expect(judge(late(20))).toBe("none")
    expect(judge(late(25))).toBe("an order")
  })

  it("does not take a fill that a delete voided", () => {
    expect(
      judge([acquire("a", 0, 1, leader("t1")), remove("b", 10, 11, false), fill("a", 20, 21, "t1", "v", true)])
    ).toBe("none")
  })

  it("does not take a token that was granted before", () => {
    expect(
      judge([acquire("a", 0, 1, leader("t1")), remove("b", 10, 11, false), acquire("a", 20, 21, leader("t1"))])
    ).toBe("none")
  })

  it("allows both outcomes at a deadline, and only one well before or after it", () => {
    const ends = (sent: number, answer: Acquired) =>
      judge([acquire("a", 0, 1, leader("t1"), { leaseFor: 100 }), acquire("b", sent, sent + 1, answer)])
    expect(ends(100, leader("t2"))).toBe("an order")
    expect(ends(100, follower(1))).toBe("an order")
    expect(ends(90, leader("t2"))).toBe("none")
    expect(ends(110, follower(1))).toBe("none")
  })

  it("takes one side of a deadline for all that turn on it", () => {
    // The fill took effect at some instant between 0 and 100, so its value ends between 1000 and 1100:
    // it cannot be gone at 1020 and still be there at 1080.
    const ends = (first: Acquired, second: Acquired) =>
      judge([
        acquire("a", -10, -9, leader("t1")),
        fill("a", 0, 100, "t1", "v", true, 1000),
        acquire("b", 1020, 1021, first),
        acquire("c", 1080, 1081, second)
      ])
    expect(ends(leader("t2"), follower(hour - 60))).toBe("an order")
    expect(ends(hit("v", 950, 1000, 80), leader("t2"))).toBe("an order")
    expect(ends(leader("t2"), hit("v", 990, 1000, 100))).toBe("none")
  })

  it("does not take numbers that are off", () => {
    const told = (age: number, freshFor: number) =>
      judge([
        acquire("a", 0, 1, leader("t1")),
        fill("a", 10, 11, "t1", "v", true, 1000),
        acquire("b", 110, 111, { _tag: "Hit", value: value("v"), age, freshFor, took: 10 })
      ])
    expect(told(100, 900)).toBe("an order")
    expect(told(200, 900)).toBe("none")
    expect(told(100, 800)).toBe("none")
    expect(told(100, Infinity)).toBe("none")
  })

  it("does not take a load that is told to have taken longer or shorter than it can have, nor one of what was put", () => {
    const told = (took: number) =>
      judge([
        acquire("a", 0, 5, leader("t1")),
        fill("a", 100, 110, "t1", "v", true),
        acquire("b", 200, 201, hit("v", 95, hour, took))
      ])
    expect([90, 100, 110, 120].map(told)).toEqual(["none", "an order", "an order", "none"])
    const put = event("a", 0, 1, { verb: "put", text: "v", lifetime: { fresh: hour, stale: 0 } }, { verb: "put" })
    expect(judge([put, acquire("b", 100, 101, hit("v", 100, hour, 0))])).toBe("an order")
    expect(judge([put, acquire("b", 100, 101, hit("v", 100, hour, 1))])).toBe("none")
  })

  it("counts freshness from a touch, and age from the fill", () => {
    const told = (age: number, freshFor: number) =>
      judge([
        acquire("a", 0, 1, leader("t1")),
        fill("a", 10, 11, "t1", "v", true, 1000),
        touch("b", 60, 61, 500, true),
        acquire("b", 110, 111, { _tag: "Hit", value: value("v"), age, freshFor, took: 10 })
      ])
    expect(told(100, 450)).toBe("an order")
    expect(told(50, 450)).toBe("none")
    expect(told(100, 900)).toBe("none")
    expect(told(100, 400)).toBe("none")
  })

  it("does not accept a touch of a value that is no longer fresh, nor of none", () => {
    const told = (sent: number, answer: boolean) =>
      judge([
        acquire("a", 0, 1, leader("t1")),
        fill("a", 10, 11, "t1", "v", true, 100),
        touch("b", sent, sent + 1, hour, answer)
      ])
    expect([told(50, true), told(110, true), told(110, false)]).toEqual(["an order", "an order", "an order"])
    expect([told(50, false), told(150, true), told(150, false)]).toEqual(["none", "none", "an order"])
    expect(judge([touch("b", 0, 1, hour, true)])).toBe("none")
  })

  it("takes a fill without a value as the old one, new again; and none where there is no value", () => {
    const again = (age: number, took: number) =>
      judge([
        acquire("a", 0, 1, leader("t1")),
        fill("a", 10, 11, "t1", "v", true),
        acquire("b", 100, 101, { _tag: "Leader", token: Token("t2"), stale: stale(90) }, { refreshWithin: Infinity }),
        fill("b", 150, 151, "t2", undefined, true, 1000),
        acquire("c", 200, 201, hit("v", age, 1000, took))
      ])
    expect(again(50, 50)).toBe("an order")
    expect(again(190, 50)).toBe("none")
    expect(again(50, 10)).toBe("none")
    const nothing = (answer: boolean) =>
      judge([acquire("a", 0, 1, leader("t1")), fill("a", 10, 11, "t1", undefined, answer)])
    expect([nothing(false), nothing(true)]).toEqual(["an order", "none"])
  })

  it("lets a hit look older than it is by as long as the longest request took, and never younger", () => {
    const told = (slow: number, age: number, freshFor: number) =>
      judge([
        acquire("a", 0, slow, leader("t1")),
        fill("a", 100, 101, "t1", "v", true, 1000),
        acquire("b", 200, 201, { _tag: "Hit", value: value("v"), age, freshFor, took: 99 })
      ])
    expect(told(50, 145, 855)).toBe("an order")
    expect(told(5, 145, 855)).toBe("none")
    expect(told(50, 90, 910)).toBe("none")
  })

  it("takes a request without a reply as done, as not done, or as done later", () => {
    const lost = acquire("a", 0, 1, "lost")
    expect(judge([lost, acquire("b", 10, 11, leader("t1"))])).toBe("an order")
    expect(judge([lost, acquire("b", 10, 11, follower(hour - 10))])).toBe("an order")
    expect(judge([lost, acquire("b", 10, 11, follower(hour - 10)), acquire("a", 20, 21, leader("t1"))])).toBe(
      "an order"
    )
    const { request } = remove("c", 0, 1, true)
    const lostDelete = event("c", 5, 6, request, { verb: "lost" })
    const filled = [acquire("a", 0, 1, leader("t1")), fill("a", 2, 3, "t1", "v", true), lostDelete]
    expect(judge([...filled, acquire("b", 50, 51, hit("v", 48, hour, 2)), acquire("b", 90, 91, leader("t2"))])).toBe(
      "an order"
    )
    expect(judge([...filled, acquire("b", 50, 51, leader("t2")), acquire("c", 90, 91, hit("v", 88, hour, 2))])).toBe(
      "none"
    )
  })

  it("reports how far it came, and the events that could not be next", () => {
    const second = acquire("b", 10, 11, leader("t2"))
    const found = explain([acquire("a", 0, 1, leader("t1")), second], { tolerance: 2 })
    expect(found).toMatchObject({ found: "none", stuck: [second] })
    if (found.found === "none")
      expect(format(found.stuck)).toMatch(/0\.0 +1\.0 +b +acquire .* -> Leader \{ token: "t2" \}/)
  })

  it("gives up at the given limit", () => {
    const many = Array.from({ length: 12 }, (_, index) => remove(`${index}`, 0, 1, index > 0))
    expect(explain(many, { tolerance: 2, patience: 10 })).toMatchObject({ found: "no end" })
  })

  it("takes a hundred histories that really happened", async () => {
    const time = new Time(1, 1)
    const one = (seed: number) =>
      Effect.suspend(() => {
        const backend = new Backend()
        return record({
          key: "k",
          peers: [
            ["here", backend.peer()],
            ["there", backend.peer()]
          ],
          flightsPerPeer: 3,
          requestsPerFlight: 8,
          time,
          seed,
          failing: false
        })
      })
    const seeds = Array.from({ length: 100 }, (_, seed) => seed)
    const histories = await Effect.runPromise(Effect.forEach(seeds, one, { concurrency: 10 }))
    for (const history of histories) expect(explain(history, { tolerance: time.tolerance }).found).toBe("an order")
  })
})
